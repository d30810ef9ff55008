package isola.cpu.x86.state;

/** Bits of {@link CpuState#ATTENTION}: looked at between instructions when not zero. */
public final class Attention {
  /** Leave {@code run()} with a kick. */
  public static final int KICK = 1;

  /** The interrupt port may have an interrupt. */
  public static final int INTERRUPT = 1 << 1;

  /** A non-maskable interrupt waits. */
  public static final int NMI = 1 << 2;

  /** INIT waits. */
  public static final int INIT = 1 << 3;

  /** A start-up IPI waits. */
  public static final int STARTUP = 1 << 4;

  /** Another processor asks all to stand still for a moment. */
  public static final int RENDEZVOUS = 1 << 5;

  /** Cached translations or code must be dropped before the next instruction. */
  public static final int FLUSH = 1 << 6;

  /**
   * The boundary after this instruction needs care: interrupt shadow, single step, a data
   * breakpoint that was hit.
   */
  public static final int BOUNDARY = 1 << 7;

  /** A second non-maskable interrupt came while {@link #NMI} was set. */
  public static final int NMI_AGAIN = 1 << 8;

  private Attention() {}
}
