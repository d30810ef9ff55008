package isola.machine.board;

import isola.core.cpu.MsrPort;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import isola.machine.devices.interrupt.LocalApic;
import isola.machine.devices.msr.KvmClock;
import org.jspecify.annotations.Nullable;

/**
 * Has no register itself: before the registers that depend on the time-stamp counter are asked, it
 * tells their owners how far the guest has moved the counter. Owner thread of the vCPU.
 */
final class TscFollower implements MsrPort {
  private final LocalApic apic;
  private final KvmClock kvmClock;
  private @Nullable Vcpu vcpu;
  private long known;

  TscFollower(LocalApic apic, KvmClock kvmClock) {
    this.apic = apic;
    this.kvmClock = kvmClock;
  }

  void follow(Vcpu processor) {
    vcpu = processor;
  }

  /** Tells them, if it was moved. */
  void look() {
    Vcpu processor = vcpu;
    if (processor != null) {
      long offset = RawMemory.getLong(processor.state() + CpuState.TSC_OFFSET);
      if (offset != known) {
        known = offset;
        apic.tscOffset(offset);
        kvmClock.tscOffset(offset);
      }
    }
  }

  @Override
  public Access read(int index) {
    look();
    return Access.ABSENT;
  }

  @Override
  public long value() {
    return 0;
  }

  @Override
  public Access write(int index, long value) {
    look();
    return Access.ABSENT;
  }
}
