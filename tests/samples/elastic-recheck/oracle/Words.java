import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.util.CharArraySet;
import org.elasticsearch.common.xcontent.XContentBuilder;
import org.elasticsearch.common.xcontent.json.JsonXContent;

/** A text a line, as JSON -> the words that Elasticsearch's standard analyser makes of it. */
public class Words {
    public static void main(String[] files) throws Exception {
        Analyzer analyser = new StandardAnalyzer(CharArraySet.EMPTY_SET);
        List<String> answers = new ArrayList<>();
        for (String line : Files.readAllLines(Paths.get(files[0]))) {
            String text = (String) JsonXContent.jsonXContent.createParser("{\"text\":" + line + "}").mapAndClose().get("text");
            XContentBuilder words = JsonXContent.contentBuilder().startArray();
            try (TokenStream tokens = analyser.tokenStream("message", text)) {
                CharTermAttribute word = tokens.addAttribute(CharTermAttribute.class);
                tokens.reset();
                while (tokens.incrementToken()) {
                    words.value(word.toString());
                }
                tokens.end();
            }
            answers.add(words.endArray().string());
        }
        Files.write(Paths.get(files[1]), answers);
    }
}
