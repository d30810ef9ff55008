package isola.cli;

/** What {@code isola} ends with; docs/cli.md has the table. */
final class ExitStatus {
  /** All went well. */
  static final int OK = 0;

  /** It failed; {@code isola boot}: the guest did not end in good order. */
  static final int FAILED = 1;

  /** The command line is wrong. */
  static final int USAGE = 2;

  /** The machine was saved, and is gone from here. */
  static final int SAVED = 3;

  /** {@code --timeout} ran out, as timeout(1) says it. */
  static final int TIMEOUT = 124;

  /** {@code isola run}: Isola itself failed, as opposed to the guest's command. */
  static final int ISOLA = 125;

  // signal(7), x86
  static final int SIGHUP = 1;
  static final int SIGINT = 2;
  static final int SIGPIPE = 13;
  static final int SIGTERM = 15;

  private ExitStatus() {}

  /** The status of a program that a signal ended, as shells say it. */
  static int signal(int number) {
    return 128 + number;
  }
}
