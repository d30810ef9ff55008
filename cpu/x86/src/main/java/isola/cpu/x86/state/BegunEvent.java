package isola.cpu.x86.state;

/**
 * Fields of {@link CpuState#EVENT}: Intel SDM vol. 3C 25.8.3, table 25-17, the format in which VMX
 * is told of an event to inject.
 */
public final class BegunEvent {
  public static final int VECTOR = 0xff;

  /** Bits 10:8, one of the {@code TYPE_} values. */
  public static final int TYPE = 7 << 8;

  public static final int TYPE_EXTERNAL = 0;
  public static final int TYPE_NMI = 2 << 8;

  /** A fault, trap or abort that the processor found. */
  public static final int TYPE_EXCEPTION = 3 << 8;

  /** INT n. */
  public static final int TYPE_SOFTWARE_INTERRUPT = 4 << 8;

  /** INT3 and INTO. */
  public static final int TYPE_SOFTWARE_EXCEPTION = 6 << 8;

  /** {@link CpuState#EVENT_ERROR} is pushed. */
  public static final int HAS_ERROR = 1 << 11;

  public static final int VALID = 1 << 31;

  private BegunEvent() {}
}
