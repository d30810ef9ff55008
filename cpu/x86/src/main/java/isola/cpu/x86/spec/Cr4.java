package isola.cpu.x86.spec;

/** CR4 bits (Intel SDM vol. 3A 2.5). */
public final class Cr4 {
  public static final int VME = 1;
  public static final int PVI = 1 << 1;
  public static final int TSD = 1 << 2;
  public static final int DE = 1 << 3;
  public static final int PSE = 1 << 4;
  public static final int PAE = 1 << 5;
  public static final int MCE = 1 << 6;
  public static final int PGE = 1 << 7;
  public static final int PCE = 1 << 8;
  public static final int OSFXSR = 1 << 9;
  public static final int OSXMMEXCPT = 1 << 10;
  public static final int UMIP = 1 << 11;
  public static final int LA57 = 1 << 12;
  public static final int VMXE = 1 << 13;
  public static final int SMXE = 1 << 14;
  public static final int FSGSBASE = 1 << 16;
  public static final int PCIDE = 1 << 17;
  public static final int OSXSAVE = 1 << 18;
  public static final int SMEP = 1 << 20;
  public static final int SMAP = 1 << 21;
  public static final int PKE = 1 << 22;

  private Cr4() {}
}
