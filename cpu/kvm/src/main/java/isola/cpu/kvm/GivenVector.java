package isola.cpu.kvm;

import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmRegs;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmVcpuEvents;

/**
 * A vector of the 8259As on its way into a processor. Between KVM_INTERRUPT and the entry on which
 * the guest takes it, KVM keeps it where nobody can read it: this remembers it, and finds out
 * whether it still waits. The processor's owner, or any thread while it is stopped.
 *
 * <p>KVM is given a vector only when the processor can take one at once, so it has taken it as soon
 * as it is anywhere else than it was. (An exception or NMI that comes first hides this: the vector
 * then counts as taken while it waits for their handler's end.)
 */
final class GivenVector implements AutoCloseable {
  private static final int NONE = -1;

  private final KvmVcpu vcpu;
  private final Buffer buffer = new Buffer(4096);
  private int vector = NONE;
  private long rip;
  private long rsp;

  GivenVector(KvmVcpu vcpu) {
    this.vcpu = vcpu;
  }

  /** Gives the processor a vector; it must be ready for one. */
  void give(int fresh) {
    long at = registers();
    rip = RawMemory.getLong(at + KvmRegs.RIP);
    rsp = RawMemory.getLong(at + KvmRegs.RSP);
    vector = fresh;
    vcpu.interrupt(fresh);
    // It holds until the next exit says otherwise.
    RawMemory.putByte(vcpu.shared() + KvmRun.READY_FOR_INTERRUPT_INJECTION, (byte) 0);
  }

  /** The vector that waits inside KVM, or -1. */
  int waiting() {
    if (vector != NONE && taken()) {
      vector = NONE;
    }
    return vector;
  }

  private boolean taken() {
    if (RawMemory.getByte(vcpu.shared() + KvmRun.READY_FOR_INTERRUPT_INJECTION) != 0) {
      return true;
    }
    long at = registers();
    if (RawMemory.getLong(at + KvmRegs.RIP) != rip || RawMemory.getLong(at + KvmRegs.RSP) != rsp) {
      return true;
    }
    at = buffer.cleared(KvmVcpuEvents.SIZE);
    vcpu.require("KVM_GET_VCPU_EVENTS", KvmSpec.KVM_GET_VCPU_EVENTS, at);
    // Its delivery has begun: it is told as such.
    return RawMemory.getByte(at + KvmVcpuEvents.Interrupt.INJECTED) != 0;
  }

  private long registers() {
    long at = buffer.cleared(KvmRegs.SIZE);
    vcpu.require("KVM_GET_REGS", KvmSpec.KVM_GET_REGS, at);
    return at;
  }

  @Override
  public void close() {
    buffer.close();
  }
}
