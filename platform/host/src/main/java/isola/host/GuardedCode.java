package isola.host;

/**
 * A range of generated code whose faults (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP) are the range's
 * own matter: the processor's registers are noted in a record, and the thread goes on at an address
 * that the code's owner chose, with all registers but RIP as they were. Faults elsewhere stay the
 * JVM's. Any thread.
 */
public final class GuardedCode implements AutoCloseable {
  /** Bytes of a record. */
  public static final int RECORD_SIZE = 208;

  // Inside a record, 8 bytes each.

  /** Number of the signal; whoever waits for one puts 0 here. */
  public static final int SIGNAL = 0;

  /** {@code si_code} of {@code sigaction(2)}. */
  public static final int CODE = 8;

  /** Address of the access, or of the instruction. */
  public static final int ADDRESS = 16;

  /** R8 to R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP (Linux uapi asm/sigcontext.h). */
  public static final int REGISTERS = 24;

  /** The instruction that faulted; the next one for SIGTRAP. */
  public static final int RIP = REGISTERS + 16 * 8;

  /** RFLAGS. */
  public static final int RFLAGS = REGISTERS + 17 * 8;

  private final FaultHandler handler = FaultHandler.only();
  private final int range;
  private boolean closed;

  /**
   * Guards the code from {@code begin} to before {@code end}.
   *
   * @param record host address of {@link #RECORD_SIZE} bytes that live until this is closed
   * @param resume where a thread goes on after its fault; it may be inside the range
   */
  public GuardedCode(long begin, long end, long record, long resume) {
    range = handler.add(begin, end, record, resume);
  }

  /** The name of a signal that a record may hold. */
  public static String signalName(long signal) {
    return switch ((int) signal) {
      case 4 -> "SIGILL";
      case 5 -> "SIGTRAP";
      case 7 -> "SIGBUS";
      case 8 -> "SIGFPE";
      case 11 -> "SIGSEGV";
      default -> "signal " + signal;
    };
  }

  /** Ends the guard. No thread is in the code any more. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      handler.remove(range);
    }
  }
}
