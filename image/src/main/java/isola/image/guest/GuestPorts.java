package isola.image.guest;

/**
 * The names of the ports between host and agent. The control port must have the highest number of
 * all ports of its device: the guest's kernel then learns that it is open after it learned so of
 * the others.
 */
public final class GuestPorts {
  /** Lines in both directions: the request and signals to the guest, events from it. */
  public static final String CONTROL = "isola.control";

  /** The command's standard input; the host closes its side for end of file. */
  public static final String STDIN = "isola.stdin";

  /** The command's standard output. */
  public static final String STDOUT = "isola.stdout";

  /** The command's standard error. */
  public static final String STDERR = "isola.stderr";

  private GuestPorts() {}
}
