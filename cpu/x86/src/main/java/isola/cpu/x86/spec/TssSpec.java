package isola.cpu.x86.spec;

/** Task-state segment layouts (Intel SDM vol. 3A 7.2.1, 7.6 and 7.7), offsets in bytes. */
public final class TssSpec {
  public static final int LINK = 0;

  /** 32-bit TSS. */
  public static final int ESP0 = 4;

  public static final int SS0 = 8;
  public static final int CR3 = 28;
  public static final int EIP = 32;
  public static final int EFLAGS = 36;

  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, 4 bytes each. */
  public static final int GPR = 40;

  /** ES, CS, SS, DS, FS, GS, 4 bytes each. */
  public static final int SELECTORS = 72;

  public static final int LDTR = 96;
  public static final int TRAP = 100;

  /** In 32- and 64-bit TSS. */
  public static final int IO_MAP_BASE = 102;

  /** Smallest limit of a 32-bit TSS, and of a 16-bit one. */
  public static final int MIN_LIMIT = 0x67;

  public static final int MIN_LIMIT_16 = 0x2b;

  /** 16-bit TSS. */
  public static final int SP0_16 = 2;

  public static final int IP_16 = 14;
  public static final int FLAGS_16 = 16;

  /** AX to DI, 2 bytes each. */
  public static final int GPR_16 = 18;

  /** ES, CS, SS, DS, 2 bytes each. */
  public static final int SELECTORS_16 = 34;

  public static final int LDTR_16 = 42;

  /** 64-bit TSS: RSP0 to RSP2, 8 bytes each. */
  public static final int RSP0_64 = 4;

  /** 64-bit TSS: IST1; IST{@code n} is at {@code IST0_64 + 8 * n}. */
  public static final int IST0_64 = 28;

  /** Bytes of the virtual-8086 interrupt redirection bitmap, just below the I/O map. */
  public static final int REDIRECTION_BYTES = 32;

  private TssSpec() {}
}
