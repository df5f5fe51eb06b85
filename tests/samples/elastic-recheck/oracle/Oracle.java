import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.elasticsearch.action.bulk.BulkRequestBuilder;
import org.elasticsearch.action.search.SearchResponse;
import org.elasticsearch.client.Client;
import org.elasticsearch.common.settings.ImmutableSettings;
import org.elasticsearch.common.xcontent.json.JsonXContent;
import org.elasticsearch.index.query.QueryBuilders;
import org.elasticsearch.node.Node;
import org.elasticsearch.node.NodeBuilder;
import org.elasticsearch.search.SearchHit;

/** A document a line, a query a line, as JSON -> the numbers of the documents that match each query, or "error". */
public class Oracle {
    public static void main(String[] files) throws Exception {
        Node node = NodeBuilder.nodeBuilder().local(true).settings(ImmutableSettings.settingsBuilder()
            .put("path.home", "home").put("http.enabled", false).put("index.store.type", "memory")
            .put("gateway.type", "none").put("index.number_of_shards", 1).put("index.number_of_replicas", 0)).node();
        Client client = node.client();
        String mapping = new String(Files.readAllBytes(Paths.get("mapping.json")));
        client.admin().indices().prepareCreate("logstash").addMapping("logs", mapping).get();
        BulkRequestBuilder bulk = client.prepareBulk();
        int count = 0;
        for (String line : Files.readAllLines(Paths.get(files[0]))) {
            bulk.add(client.prepareIndex("logstash", "logs", String.valueOf(count++)).setSource(line));
        }
        if (bulk.get().hasFailures()) {
            throw new IllegalStateException("a document was refused");
        }
        client.admin().indices().prepareRefresh("logstash").get();
        List<String> answers = new ArrayList<>();
        for (String line : Files.readAllLines(Paths.get(files[1]))) {
            answers.add(answer(client, line, count));
        }
        Files.write(Paths.get(files[2]), answers);
        node.close();
        System.exit(0);
    }

    static String answer(Client client, String line, int count) throws Exception {
        String query = (String) JsonXContent.jsonXContent.createParser("{\"query\":" + line + "}").mapAndClose().get("query");
        try {
            SearchResponse found = client.prepareSearch("logstash").setQuery(QueryBuilders.queryString(query))
                .setSize(count + 1).setNoFields().get();
            List<Integer> numbers = new ArrayList<>();
            for (SearchHit hit : found.getHits()) {
                numbers.add(Integer.parseInt(hit.id()));
            }
            Collections.sort(numbers);
            return found.getFailedShards() > 0 ? "\"error\"" : numbers.toString();
        } catch (Exception refused) {
            return "\"error\"";
        }
    }
}
