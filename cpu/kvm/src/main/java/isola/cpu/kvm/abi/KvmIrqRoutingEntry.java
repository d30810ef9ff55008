package isola.cpu.kvm.abi;

/**
 * What an interrupt number stands for. {@code struct kvm_irq_routing_entry}, Linux uapi linux/kvm.h
 * and asm/kvm.h.
 */
public final class KvmIrqRoutingEntry {
  /** Size in bytes. */
  public static final int SIZE = 48;

  public static final int GSI = 0;
  public static final int TYPE = 4;
  public static final int FLAGS = 8;

  /** Member {@code u}. */
  public static final class U {

    /** Member {@code msi}. */
    public static final class Msi {
      public static final int ADDRESS_LO = 16;
      public static final int ADDRESS_HI = 20;
      public static final int DATA = 24;

      private Msi() {}
    }

    private U() {}
  }

  private KvmIrqRoutingEntry() {}
}
