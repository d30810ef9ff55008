package isola.cpu.kvm;

import isola.core.memory.HostMemory;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmRegs;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSegment;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmSregs;
import isola.host.DeviceFile;
import java.util.StringJoiner;

/** Tells, in a sentence, why KVM cannot go on, with where the guest was. Owner thread. */
final class ExitStory {
  private static final int INSTRUCTION_BYTES_THERE = 1;
  private static final int MOST_BYTES = 15;
  private static final int MOST_DATA = 4;

  private ExitStory() {}

  /** For KVM_RUN itself failing. */
  static String refused(KvmVcpu vcpu, int errno) {
    return errno == DeviceFile.EBADF
        ? "KVM_RUN failed: the processor's descriptor was closed"
        : "KVM_RUN failed: %s, %s".formatted(DeviceFile.reason(errno), where(vcpu));
  }

  /** For an exit that nothing can be done about. */
  static String tell(KvmVcpu vcpu, int reason) {
    long run = vcpu.shared();
    String what =
        switch (reason) {
          case KvmSpec.KVM_EXIT_INTERNAL_ERROR -> internal(run);
          case KvmSpec.KVM_EXIT_FAIL_ENTRY ->
              "the host's processor refused to enter the guest (hardware reason 0x%x)"
                  .formatted(
                      RawMemory.getLong(run + KvmRun.FailEntry.HARDWARE_ENTRY_FAILURE_REASON));
          case KvmSpec.KVM_EXIT_UNKNOWN ->
              "KVM does not know why the guest was left (hardware reason 0x%x)"
                  .formatted(RawMemory.getLong(run + KvmRun.Hw.HARDWARE_EXIT_REASON));
          case KvmSpec.KVM_EXIT_SYSTEM_EVENT ->
              "KVM reports system event %d"
                  .formatted(RawMemory.getInt(run + KvmRun.SystemEvent.TYPE));
          default -> "KVM left the guest for reason %d, which no machine has".formatted(reason);
        };
    return what + ", " + where(vcpu);
  }

  private static String internal(long run) {
    int kind = RawMemory.getInt(run + KvmRun.Internal.SUBERROR);
    int count = RawMemory.getInt(run + KvmRun.Internal.NDATA);
    String what =
        switch (kind) {
          case KvmSpec.KVM_INTERNAL_ERROR_EMULATION -> "it could not emulate an instruction";
          case KvmSpec.KVM_INTERNAL_ERROR_SIMUL_EX -> "exceptions at once";
          case KvmSpec.KVM_INTERNAL_ERROR_DELIVERY_EV -> "an exit while it delivered an event";
          case KvmSpec.KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON -> "an exit it does not know";
          default -> "kind " + kind;
        };
    StringJoiner more = new StringJoiner(" ");
    long flags = RawMemory.getLong(run + KvmRun.EmulationFailure.FLAGS);
    if (kind == KvmSpec.KVM_INTERNAL_ERROR_EMULATION
        && count >= 3
        && (flags & INSTRUCTION_BYTES_THERE) != 0) {
      int size = RawMemory.getByte(run + KvmRun.EmulationFailure.INSN_SIZE);
      for (int i = 0; i < Math.min(size, MOST_BYTES); i++) {
        more.add("%02x".formatted(RawMemory.getByte(run + KvmRun.EmulationFailure.INSN_BYTES + i)));
      }
    } else {
      for (int i = 0; i < Math.min(count, MOST_DATA); i++) {
        more.add("%x".formatted(RawMemory.getLong(run + KvmRun.Internal.DATA + 8L * i)));
      }
    }
    return "KVM has an internal error: " + what + (more.length() > 0 ? " (" + more + ")" : "");
  }

  /** Where the guest was, as far as KVM still tells. */
  private static String where(KvmVcpu vcpu) {
    long at = HostMemory.installed().reserve(4096, "KVM structures");
    try {
      if (vcpu.call(KvmSpec.KVM_GET_SREGS, at) < 0) {
        return "and does not tell where";
      }
      int cs = RawMemory.getShort(at + KvmSregs.CS + KvmSegment.SELECTOR) & 0xffff;
      long cr0 = RawMemory.getLong(at + KvmSregs.CR0);
      long cr3 = RawMemory.getLong(at + KvmSregs.CR3);
      if (vcpu.call(KvmSpec.KVM_GET_REGS, at) < 0) {
        return "and does not tell where";
      }
      return "rip %x:%x rflags %x rsp %x rax %x rcx %x rdx %x rbx %x cr0 %x cr3 %x"
          .formatted(
              cs,
              RawMemory.getLong(at + KvmRegs.RIP),
              RawMemory.getLong(at + KvmRegs.RFLAGS),
              RawMemory.getLong(at + KvmRegs.RSP),
              RawMemory.getLong(at + KvmRegs.RAX),
              RawMemory.getLong(at + KvmRegs.RCX),
              RawMemory.getLong(at + KvmRegs.RDX),
              RawMemory.getLong(at + KvmRegs.RBX),
              cr0,
              cr3);
    } finally {
      HostMemory.installed().release(at, 4096);
    }
  }
}
