package isola.cpu.kvm.abi;

/**
 * One segment register inside {@link KvmSregs}. {@code struct kvm_segment}, Linux uapi linux/kvm.h
 * and asm/kvm.h.
 */
public final class KvmSegment {
  /** Size in bytes. */
  public static final int SIZE = 24;

  public static final int BASE = 0;
  public static final int LIMIT = 8;
  public static final int SELECTOR = 12;
  public static final int TYPE = 14;
  public static final int PRESENT = 15;
  public static final int DPL = 16;
  public static final int DB = 17;
  public static final int S = 18;
  public static final int L = 19;
  public static final int G = 20;
  public static final int AVL = 21;
  public static final int UNUSABLE = 22;

  private KvmSegment() {}
}
