// Runs one of Gerrit's own programs. Gerrit's launcher would look for a war, which Maven Central does not offer.
public final class Launch {
    public static void main(String[] args) throws Exception {
        Object program = Class.forName("com.google.gerrit.pgm." + args[0]).getConstructor().newInstance();
        String[] rest = java.util.Arrays.copyOfRange(args, 1, args.length);
        System.exit((Integer) program.getClass().getMethod("main", String[].class).invoke(program, (Object) rest));
    }
}
