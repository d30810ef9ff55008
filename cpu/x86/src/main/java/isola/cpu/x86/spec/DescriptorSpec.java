package isola.cpu.x86.spec;

/**
 * System descriptor types (Intel SDM vol. 3A 3.5, table 3-2), selector bits (3.4.2) and error code
 * bits (6.13). What segment registers hold is in {@link Attribute}.
 */
public final class DescriptorSpec {
  /** System descriptor types; in IA-32e mode only LDT, TSS and the 32-bit gates are valid. */
  public static final int TSS16 = 1;

  public static final int LDT = 2;
  public static final int TSS16_BUSY = 3;
  public static final int CALL_GATE16 = 4;
  public static final int TASK_GATE = 5;
  public static final int INTERRUPT_GATE16 = 6;
  public static final int TRAP_GATE16 = 7;
  public static final int TSS = 9;
  public static final int TSS_BUSY = 0xb;
  public static final int CALL_GATE = 0xc;
  public static final int INTERRUPT_GATE = 0xe;
  public static final int TRAP_GATE = 0xf;

  /** The bit that tells a busy TSS from an available one. */
  public static final int BUSY = 2;

  /** The bit that tells 32-bit system types from 16-bit ones. */
  public static final int TYPE_32 = 8;

  /** Selector fields. */
  public static final int RPL = 3;

  public static final int TI = 4;
  public static final int SELECTOR_INDEX = 0xfff8;

  /** Error code bits (Intel SDM vol. 3A 6.13). */
  public static final int ERROR_EXT = 1;

  public static final int ERROR_IDT = 2;

  private DescriptorSpec() {}
}
