package isola.cpu.kvm;

import isola.core.cpu.CpuidTable;
import isola.core.memory.RawMemory;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.MsrSpec;
import isola.cpu.x86.state.CpuState;

/**
 * A processor as KVM makes it, which is how it is after power-on, to go back to on a reset. The
 * time-stamp counter alone goes on, so that it stays in step with the others.
 */
final class PowerOnState implements AutoCloseable {
  private static final int RDX = CpuState.GPR + 2 * 8;

  private final StateTransfer transfer;
  private final long state;
  private final int[] msrs;
  private final long[] values;
  private final Buffer image = new Buffer(CpuState.ARCHITECTURAL_SIZE);

  /** Takes a picture of a processor that never ran. */
  PowerOnState(StateTransfer transfer, long state, CpuidTable cpuid, int[] msrs) {
    this.transfer = transfer;
    this.state = state;
    this.msrs = msrs;
    values = new long[msrs.length];
    transfer.pull();
    for (int i = 0; i < msrs.length; i++) {
      values[i] = transfer.read(msrs[i], 0);
    }
    CpuidTable.Row features = cpuid.find(CpuidSpec.FEATURES, 0);
    RawMemory.putLong(state + RDX, features == null ? 0 : features.eax() & 0xffff_ffffL);
    RawMemory.copy(state, image.address(), CpuState.ARCHITECTURAL_SIZE);
    transfer.push();
  }

  /** Back to how it was. */
  void restore() {
    transfer.pull();
    long offset = RawMemory.getLong(state + CpuState.TSC_OFFSET);
    RawMemory.copy(image.address(), state, CpuState.ARCHITECTURAL_SIZE);
    RawMemory.putLong(state + CpuState.TSC_OFFSET, offset);
    transfer.dropEvents();
    for (int i = 0; i < msrs.length; i++) {
      if (msrs[i] != MsrSpec.TSC && transfer.read(msrs[i], values[i]) != values[i]) {
        transfer.write(msrs[i], values[i]);
      }
    }
    transfer.push();
  }

  @Override
  public void close() {
    image.close();
  }
}
