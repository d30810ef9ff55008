package isola.cli;

/** The program {@code isola}. */
public final class Main {
  private Main() {}

  /**
   * Runs one command and ends the JVM with its status.
   *
   * @param arguments the words after {@code isola}
   */
  public static void main(String[] arguments) {
    Ahead.of(arguments);
    Surroundings surroundings = Surroundings.ofProcess();
    System.exit(new Isola(surroundings).execute(arguments));
  }
}
