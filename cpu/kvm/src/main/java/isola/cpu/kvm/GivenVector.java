package isola.cpu.kvm;

import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmVcpuEvents;

/**
 * Gives a processor a vector of the 8259As, as an event whose delivery was begun. From then on
 * KVM_GET_VCPU_EVENTS tells it until the guest has taken it, so that it is part of the processor's
 * state wherever that stands still; and nothing comes before it: an NMI waits, and is told as well.
 *
 * <p>KVM_INTERRUPT would be the other way. What it is given, no call tells: it waits behind an NMI
 * that comes before the guest is entered, and was lost when the machine was saved during that NMI's
 * handler.
 *
 * <p>The processor's owner.
 */
final class GivenVector implements AutoCloseable {
  private final KvmVcpu vcpu;
  private final Buffer buffer = new Buffer(KvmVcpuEvents.SIZE);

  GivenVector(KvmVcpu vcpu) {
    this.vcpu = vcpu;
  }

  /**
   * Gives the processor a vector. It must be ready for one, which means that no other event is on
   * its way, and have ended the access that it left for.
   */
  void give(int vector) {
    long at = buffer.cleared(KvmVcpuEvents.SIZE);
    vcpu.require("KVM_GET_VCPU_EVENTS", KvmSpec.KVM_GET_VCPU_EVENTS, at);
    RawMemory.putByte(at + KvmVcpuEvents.Interrupt.INJECTED, (byte) 1);
    RawMemory.putByte(at + KvmVcpuEvents.Interrupt.NR, (byte) vector);
    RawMemory.putByte(at + KvmVcpuEvents.Interrupt.SOFT, (byte) 0);
    // An NMI or an INIT may come in meanwhile, and is not to be overwritten.
    RawMemory.putInt(at + KvmVcpuEvents.FLAGS, 0);
    vcpu.require("a vector", KvmSpec.KVM_SET_VCPU_EVENTS, at);
    wake();
    // It holds until the next exit says otherwise.
    RawMemory.putByte(vcpu.shared() + KvmRun.READY_FOR_INTERRUPT_INJECTION, (byte) 0);
  }

  /** A begun event alone does not end a halt. */
  private void wake() {
    long at = buffer.cleared(4);
    vcpu.require("KVM_GET_MP_STATE", KvmSpec.KVM_GET_MP_STATE, at);
    if (RawMemory.getInt(at) == KvmSpec.KVM_MP_STATE_HALTED) {
      RawMemory.putInt(at, KvmSpec.KVM_MP_STATE_RUNNABLE);
      vcpu.require("KVM_SET_MP_STATE", KvmSpec.KVM_SET_MP_STATE, at);
    }
  }

  @Override
  public void close() {
    buffer.close();
  }
}
