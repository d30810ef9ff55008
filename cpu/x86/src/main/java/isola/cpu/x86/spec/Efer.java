package isola.cpu.x86.spec;

/** IA32_EFER bits (Intel SDM vol. 3A 2.2.1; AMD APM vol. 2, 3.1.7). */
public final class Efer {
  public static final int SCE = 1;
  public static final int LME = 1 << 8;
  public static final int LMA = 1 << 10;
  public static final int NXE = 1 << 11;

  private Efer() {}
}
