package isola.cpu.kvm;

import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.x86.spec.MsrSpec;
import java.util.List;

/**
 * The time of a machine that stands still. Time-stamp counters and the paravirtual clock belong to
 * the kernel and go on: on the way out of a pause they are put back to what they were. All counters
 * by the same number, so that they stay in step. Where KVM cannot move the counters, the guest is
 * told at least that it was stopped, so that its watchdogs do not take that for their own failing.
 *
 * <p>A timer that ran out meanwhile interrupts at once, early by the guest's clock, and once more
 * when it is due; systems look at the clock. One thread at a time.
 */
final class StoppedTime {
  private final KvmVm vm;
  private boolean stopped;

  /** Whether the counters are to go on from another time than they were stopped at. */
  private boolean set;

  private long tsc;
  private long clock;
  private long[] deadlines = {};

  StoppedTime(KvmVm vm) {
    this.vm = vm;
  }

  /** Takes note of what time it is. */
  void stop(List<KvmProcessor> processors) {
    if (stopped || processors.isEmpty()) {
      return;
    }
    stopped = true;
    deadlines = new long[processors.size()];
    for (int i = 0; i < deadlines.length; i++) {
      deadlines[i] = processors.get(i).transfer().read(MsrSpec.TSC_DEADLINE, 0);
    }
    tsc = processors.getFirst().transfer().read(MsrSpec.TSC, 0);
    clock = vm.clock();
  }

  /** What the paravirtual clock showed when it was stopped, in nanoseconds; -1 if none is. */
  long paravirtual() {
    return stopped ? clock : -1;
  }

  /** Lets the paravirtual clock, while it is stopped, go on from another time. */
  void paravirtual(long nanos) {
    if (stopped && clock >= 0) {
      clock = nanos;
    }
  }

  /** Lets the counters, while they are stopped, go on from another time. */
  void counter(long ticks) {
    if (stopped) {
      tsc = ticks;
      set = true;
    }
  }

  /** Makes it that time again. */
  void go(List<KvmProcessor> processors) {
    if (!stopped) {
      return;
    }
    stopped = false;
    boolean written = set;
    set = false;
    long since = processors.getFirst().transfer().read(MsrSpec.TSC, tsc) - tsc;
    boolean moved = true;
    for (KvmProcessor processor : processors) {
      moved &= processor.vcpu().addToTsc(-since);
    }
    if (clock >= 0) {
      vm.clock(clock);
    }
    for (int i = 0; i < deadlines.length; i++) {
      KvmProcessor processor = processors.get(i);
      if (!moved && written) {
        // KVM brings counters in step that are written one after the other.
        long now = processor.transfer().read(MsrSpec.TSC, tsc);
        processor.transfer().write(MsrSpec.TSC, now - since);
      }
      if (!moved) {
        // It fails for a guest that does not use the paravirtual clock.
        int _ = processor.vcpu().call(KvmSpec.KVM_KVMCLOCK_CTRL, 0);
      }
      if ((moved || written) && deadlines[i] != 0) {
        processor.transfer().write(MsrSpec.TSC_DEADLINE, deadlines[i]);
      }
    }
  }
}
