package isola.cpu.x86.interpreter;

import isola.core.cpu.CpuVm;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The processors of one machine on the interpreter. */
final class InterpreterVm implements CpuVm {
  private static final int MOST = 64;

  private final GuestMemory memory;
  private final Accelerator.@Nullable Factory accelerators;
  private final CodePages codePages;
  private final Standstill standstill = new Standstill();
  private final List<InterpreterVcpu> vcpus = new ArrayList<>();

  InterpreterVm(GuestMemory memory, Accelerator.@Nullable Factory accelerators) {
    this.memory = memory;
    this.accelerators = accelerators;
    codePages = new CodePages(memory);
    memory.observe(codePages);
  }

  @Override
  public synchronized Vcpu createVcpu(VcpuWiring wiring) {
    if (vcpus.size() == MOST) {
      throw new IllegalStateException("a machine has at most " + MOST + " processors");
    }
    InterpreterVcpu vcpu =
        new InterpreterVcpu(vcpus.size(), memory, wiring, codePages, standstill, accelerators);
    vcpus.add(vcpu);
    codePages.add(vcpu);
    standstill.add(vcpu);
    return vcpu;
  }

  @Override
  public synchronized void close() {
    memory.forget(codePages);
    for (InterpreterVcpu vcpu : vcpus) {
      vcpu.close();
    }
    vcpus.clear();
  }
}
