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
    int status = new Isola(surroundings).execute(arguments);
    // To exit looks for a logger to tell of it, in every archive; to just end does not.
    if (status != ExitStatus.OK || othersRun()) {
      System.exit(status);
    }
  }

  /** Whether a thread is left for which the JVM would wait. */
  private static boolean othersRun() {
    ThreadGroup group = Thread.currentThread().getThreadGroup();
    Thread[] threads = new Thread[group.activeCount() + 16];
    int count = group.enumerate(threads);
    for (int i = 0; i < count; i++) {
      if (!threads[i].isDaemon() && threads[i] != Thread.currentThread()) {
        return true;
      }
    }
    return count == threads.length;
  }
}
