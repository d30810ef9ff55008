package isola.cpu.kvm;

import isola.cpu.kvm.abi.KvmSpec;

/** Why KVM left a guest, as the figures and JFR name it. */
enum ExitKind {
  IO,
  MMIO,
  MSR,
  IRQ_WINDOW,
  IOAPIC_EOI,
  INTERRUPTED,
  SHUTDOWN,
  OTHER;

  /** The kind of one of KVM's reasons. */
  static ExitKind of(int reason) {
    return switch (reason) {
      case KvmSpec.KVM_EXIT_IO -> IO;
      case KvmSpec.KVM_EXIT_MMIO -> MMIO;
      case KvmSpec.KVM_EXIT_X86_RDMSR, KvmSpec.KVM_EXIT_X86_WRMSR -> MSR;
      case KvmSpec.KVM_EXIT_IRQ_WINDOW_OPEN -> IRQ_WINDOW;
      case KvmSpec.KVM_EXIT_IOAPIC_EOI -> IOAPIC_EOI;
      case KvmSpec.KVM_EXIT_INTR -> INTERRUPTED;
      case KvmSpec.KVM_EXIT_SHUTDOWN -> SHUTDOWN;
      default -> OTHER;
    };
  }
}
