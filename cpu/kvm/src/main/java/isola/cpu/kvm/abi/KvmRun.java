package isola.cpu.kvm.abi;

/**
 * What a processor and its owner share while it runs; mapped from its descriptor. {@code struct
 * kvm_run}, Linux uapi linux/kvm.h and asm/kvm.h.
 */
public final class KvmRun {
  public static final int REQUEST_INTERRUPT_WINDOW = 0;
  public static final int IMMEDIATE_EXIT = 1;
  public static final int EXIT_REASON = 8;
  public static final int READY_FOR_INTERRUPT_INJECTION = 12;
  public static final int IF_FLAG = 13;
  public static final int FLAGS = 14;
  public static final int CR8 = 16;
  public static final int APIC_BASE = 24;

  /** Member {@code hw}. */
  public static final class Hw {
    public static final int HARDWARE_EXIT_REASON = 32;

    private Hw() {}
  }

  /** Member {@code fail_entry}. */
  public static final class FailEntry {
    public static final int HARDWARE_ENTRY_FAILURE_REASON = 32;
    public static final int CPU = 40;

    private FailEntry() {}
  }

  /** Member {@code io}. */
  public static final class Io {
    public static final int DIRECTION = 32;
    public static final int SIZE = 33;
    public static final int PORT = 34;
    public static final int COUNT = 36;
    public static final int DATA_OFFSET = 40;

    private Io() {}
  }

  /** Member {@code mmio}. */
  public static final class Mmio {
    public static final int PHYS_ADDR = 32;
    public static final int DATA = 40;
    public static final int LEN = 48;
    public static final int IS_WRITE = 52;

    private Mmio() {}
  }

  /** Member {@code internal}. */
  public static final class Internal {
    public static final int SUBERROR = 32;
    public static final int NDATA = 36;
    public static final int DATA = 40;

    private Internal() {}
  }

  /** Member {@code emulation_failure}. */
  public static final class EmulationFailure {
    public static final int FLAGS = 40;
    public static final int INSN_SIZE = 48;
    public static final int INSN_BYTES = 49;

    private EmulationFailure() {}
  }

  /** Member {@code system_event}. */
  public static final class SystemEvent {
    public static final int TYPE = 32;
    public static final int NDATA = 36;

    private SystemEvent() {}
  }

  /** Member {@code eoi}. */
  public static final class Eoi {
    public static final int VECTOR = 32;

    private Eoi() {}
  }

  /** Member {@code msr}. */
  public static final class Msr {
    public static final int ERROR = 32;
    public static final int REASON = 40;
    public static final int INDEX = 44;
    public static final int DATA = 48;

    private Msr() {}
  }

  private KvmRun() {}
}
