package isola.cpu.x86.spec;

/**
 * CPUID leaves and bits (Intel SDM vol. 2A CPUID, tables 3-8 to 3-11; Linux
 * Documentation/virt/kvm/x86/cpuid.rst for the paravirtual leaves). Bit constants are named by leaf
 * and register.
 */
public final class CpuidSpec {
  public static final int FEATURES = 1;
  public static final int CACHE_DESCRIPTORS = 2;
  public static final int CACHE_PARAMETERS = 4;
  public static final int THERMAL = 6;
  public static final int STRUCTURED = 7;
  public static final int TOPOLOGY = 0xb;
  public static final int XSTATE = 0xd;
  public static final int TSC_CRYSTAL = 0x15;
  public static final int FREQUENCY = 0x16;
  public static final int HYPERVISOR = 0x4000_0000;
  public static final int KVM_FEATURES = 0x4000_0001;
  public static final int HYPERVISOR_TIMING = 0x4000_0010;
  public static final int EXTENDED = 0x8000_0000;
  public static final int EXTENDED_FEATURES = 0x8000_0001;
  public static final int BRAND_FIRST = 0x8000_0002;
  public static final int EXTENDED_CACHE = 0x8000_0006;
  public static final int POWER = 0x8000_0007;
  public static final int ADDRESS_SIZES = 0x8000_0008;

  /** Leaf 1, ECX. */
  public static final int SSE3 = 1;

  public static final int PCLMULQDQ = 1 << 1;
  public static final int SSSE3 = 1 << 9;
  public static final int FMA = 1 << 12;
  public static final int CMPXCHG16B = 1 << 13;
  public static final int PCID = 1 << 17;
  public static final int SSE4_1 = 1 << 19;
  public static final int SSE4_2 = 1 << 20;
  public static final int X2APIC = 1 << 21;
  public static final int MOVBE = 1 << 22;
  public static final int POPCNT = 1 << 23;
  public static final int TSC_DEADLINE = 1 << 24;
  public static final int AES = 1 << 25;
  public static final int XSAVE = 1 << 26;
  public static final int OSXSAVE = 1 << 27;
  public static final int AVX = 1 << 28;
  public static final int F16C = 1 << 29;
  public static final int RDRAND = 1 << 30;
  public static final int HYPERVISOR_PRESENT = 1 << 31;

  /** Leaf 1, EDX. */
  public static final int FPU = 1;

  public static final int VME = 1 << 1;
  public static final int DE = 1 << 2;
  public static final int PSE = 1 << 3;
  public static final int TSC = 1 << 4;
  public static final int MSR = 1 << 5;
  public static final int PAE = 1 << 6;
  public static final int MCE = 1 << 7;
  public static final int CX8 = 1 << 8;
  public static final int APIC = 1 << 9;
  public static final int SEP = 1 << 11;
  public static final int MTRR = 1 << 12;
  public static final int PGE = 1 << 13;
  public static final int MCA = 1 << 14;
  public static final int CMOV = 1 << 15;
  public static final int PAT = 1 << 16;
  public static final int PSE36 = 1 << 17;
  public static final int CLFSH = 1 << 19;
  public static final int MMX = 1 << 23;
  public static final int FXSR = 1 << 24;
  public static final int SSE = 1 << 25;
  public static final int SSE2 = 1 << 26;
  public static final int SELF_SNOOP = 1 << 27;
  public static final int HTT = 1 << 28;

  /** Leaf 6, EAX: the local APIC timer never stops. */
  public static final int ARAT = 1 << 2;

  /** Leaf 7 subleaf 0, EBX. */
  public static final int FSGSBASE = 1;

  public static final int TSC_ADJUST = 1 << 1;
  public static final int BMI1 = 1 << 3;
  public static final int AVX2 = 1 << 5;

  /** The x87 data pointer is updated by exceptions that are not masked alone. */
  public static final int FDP_EXCEPTION_ONLY = 1 << 6;

  public static final int SMEP = 1 << 7;
  public static final int BMI2 = 1 << 8;
  public static final int ERMS = 1 << 9;
  public static final int INVPCID = 1 << 10;
  public static final int FCS_FDS_DEPRECATED = 1 << 13;
  public static final int RDSEED = 1 << 18;
  public static final int SMAP = 1 << 20;

  /** Leaf 7 subleaf 0, ECX. */
  public static final int UMIP = 1 << 2;

  public static final int PKU = 1 << 3;
  public static final int OSPKE = 1 << 4;
  public static final int LA57 = 1 << 16;
  public static final int RDPID = 1 << 22;

  /** Leaf 7 subleaf 0, EDX: fast short REP MOVSB. */
  public static final int FSRM = 1 << 4;

  /** Leaf 0Dh subleaf 1, EAX. */
  public static final int XSAVEOPT = 1;

  public static final int XSAVEC = 1 << 1;
  public static final int XGETBV1 = 1 << 2;
  public static final int XSAVES = 1 << 3;

  /** Leaf 40000000h, EBX: the first word of KVM's signature. */
  public static final int KVM_SIGNATURE = 0x4b4d564b;

  /** Leaf 40000001h, EAX. */
  public static final int KVM_NOP_IO_DELAY = 1 << 1;

  public static final int KVM_CLOCKSOURCE2 = 1 << 3;
  public static final int KVM_PV_UNHALT = 1 << 7;
  public static final int KVM_PV_SEND_IPI = 1 << 11;
  public static final int KVM_CLOCKSOURCE_STABLE = 1 << 24;

  /** Leaf 80000001h, ECX. */
  public static final int LAHF_LM = 1;

  /** LZCNT, which is all of it that Intel has. */
  public static final int ABM = 1 << 5;

  public static final int PREFETCHW = 1 << 8;

  /** Leaf 80000001h, EDX. */
  public static final int SYSCALL = 1 << 11;

  public static final int NX = 1 << 20;
  public static final int PAGES_1G = 1 << 26;
  public static final int RDTSCP = 1 << 27;
  public static final int LM = 1 << 29;

  /** Leaf 80000007h, EDX. */
  public static final int INVARIANT_TSC = 1 << 8;

  private CpuidSpec() {}
}
