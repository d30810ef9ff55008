package isola.cpu.x86.spec;

/** Model-specific register numbers (Intel SDM vol. 4, chapter 2) and their bits. */
public final class MsrSpec {
  public static final int TSC = 0x10;
  public static final int PLATFORM_ID = 0x17;
  public static final int APIC_BASE = 0x1b;

  /** IA32_APIC_BASE: the local APIC is enabled (Intel SDM vol. 3A 10.4.3). */
  public static final int APIC_BASE_ENABLE = 1 << 11;

  public static final int EBL_CR_POWERON = 0x2a;
  public static final int FEATURE_CONTROL = 0x3a;

  /** IA32_FEATURE_CONTROL: no more writes until reset. */
  public static final int FEATURE_CONTROL_LOCK = 1;

  public static final int TSC_ADJUST = 0x3b;
  public static final int BIOS_UPDT_TRIG = 0x79;
  public static final int BIOS_SIGN_ID = 0x8b;
  public static final int MTRRCAP = 0xfe;
  public static final int SYSENTER_CS = 0x174;
  public static final int SYSENTER_ESP = 0x175;
  public static final int SYSENTER_EIP = 0x176;
  public static final int MCG_CAP = 0x179;
  public static final int MCG_STATUS = 0x17a;
  public static final int MISC_ENABLE = 0x1a0;

  /** IA32_MISC_ENABLE: fast strings. */
  public static final long MISC_ENABLE_FAST_STRINGS = 1;

  /**
   * IA32_MISC_ENABLE bits that keep what is written: fast strings, thermal control, SpeedStep,
   * MONITOR, CPUID limit, xTPR, XD disable. All but the two below change nothing else here.
   */
  public static final long MISC_ENABLE_WRITABLE =
      1 | 1 << 3 | 1 << 16 | 1 << 18 | 1 << 22 | 1 << 23 | 1L << 34;

  /** IA32_MISC_ENABLE: CPUID shows leaves up to 2 alone. */
  public static final long MISC_ENABLE_LIMIT_CPUID = 1 << 22;

  /** IA32_MISC_ENABLE: the execute-disable feature is gone. */
  public static final long MISC_ENABLE_XD_DISABLE = 1L << 34;

  /** IA32_MISC_ENABLE, read-only: branch trace storage is not available. */
  public static final long MISC_ENABLE_BTS_UNAVAILABLE = 1 << 11;

  /** IA32_MISC_ENABLE, read-only: precise event-based sampling is not available. */
  public static final long MISC_ENABLE_PEBS_UNAVAILABLE = 1 << 12;

  public static final int DEBUGCTL = 0x1d9;

  /** IA32_DEBUGCTL: last branch records, then single step on branches. */
  public static final int DEBUGCTL_LBR = 1;

  public static final int DEBUGCTL_BTF = 1 << 1;

  /** First and last of the last-branch and last-interrupt address registers. */
  public static final int LASTBRANCHFROMIP = 0x1db;

  public static final int LASTINTTOIP = 0x1de;

  /** First of the {@link #MTRR_VARIABLE} base and mask pairs. */
  public static final int MTRR_PHYSBASE0 = 0x200;

  /** Number of variable-range pairs offered. */
  public static final int MTRR_VARIABLE = 8;

  public static final int MTRR_FIX64K_00000 = 0x250;
  public static final int MTRR_FIX16K_80000 = 0x258;
  public static final int MTRR_FIX16K_A0000 = 0x259;
  public static final int MTRR_FIX4K_C0000 = 0x268;
  public static final int MTRR_FIX4K_F8000 = 0x26f;
  public static final int PAT = 0x277;
  public static final int MTRR_DEF_TYPE = 0x2ff;

  /** IA32_MTRRCAP: fixed ranges and write-combining are there. */
  public static final int MTRRCAP_FIXED_WC = 1 << 8 | 1 << 10;

  /** IA32_MTRR_DEF_TYPE: type, fixed-range enable and enable. */
  public static final int MTRR_DEF_TYPE_VALID = 0xcff;

  public static final int TSC_DEADLINE = 0x6e0;
  public static final int X2APIC_FIRST = 0x800;
  public static final int X2APIC_LAST = 0x8ff;
  public static final int XSS = 0xda0;
  public static final int EFER = 0xc0000080;
  public static final int STAR = 0xc0000081;
  public static final int LSTAR = 0xc0000082;
  public static final int CSTAR = 0xc0000083;
  public static final int FMASK = 0xc0000084;
  public static final int FS_BASE = 0xc0000100;
  public static final int GS_BASE = 0xc0000101;
  public static final int KERNEL_GS_BASE = 0xc0000102;
  public static final int TSC_AUX = 0xc0000103;

  /** IA32_PAT after reset (Intel SDM vol. 3A 11.12.4, table 11-12). */
  public static final long PAT_RESET = 0x0007_0406_0007_0406L;

  private MsrSpec() {}
}
