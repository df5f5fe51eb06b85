import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import jdk.internal.org.objectweb.asm.ClassReader;
import jdk.internal.org.objectweb.asm.ClassVisitor;
import jdk.internal.org.objectweb.asm.ClassWriter;
import jdk.internal.org.objectweb.asm.MethodVisitor;
import jdk.internal.org.objectweb.asm.Opcodes;

/** Takes out of Elasticsearch's JvmInfo the one call that Java 9 and later refuse; writes the class into patched/. */
public class PatchJvmInfo {
    static final String NAME = "org/elasticsearch/monitor/jvm/JvmInfo.class";

    public static void main(String[] arguments) throws Exception {
        JarFile jar = new JarFile("lib/elasticsearch-1.7.6.jar");
        InputStream in = jar.getInputStream(new JarEntry(NAME));
        ClassWriter writer = new ClassWriter(0);
        new ClassReader(in.readAllBytes()).accept(new ClassVisitor(Opcodes.ASM8, writer) {
            @Override
            public MethodVisitor visitMethod(int access, String name, String type, String generic, String[] thrown) {
                return new WithoutBootClassPath(super.visitMethod(access, name, type, generic, thrown));
            }
        }, 0);
        Path patched = Paths.get("patched", NAME);
        Files.createDirectories(patched.getParent());
        Files.write(patched, writer.toByteArray());
    }

    static class WithoutBootClassPath extends MethodVisitor {
        WithoutBootClassPath(MethodVisitor next) {
            super(Opcodes.ASM8, next);
        }

        @Override
        public void visitMethodInsn(int code, String owner, String name, String type, boolean isInterface) {
            if (name.equals("getBootClassPath")) {
                visitInsn(Opcodes.POP);
                visitLdcInsn("");
            } else {
                super.visitMethodInsn(code, owner, name, type, isInterface);
            }
        }
    }
}
