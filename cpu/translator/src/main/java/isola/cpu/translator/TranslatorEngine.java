package isola.cpu.translator;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.interpreter.Accelerator;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.host.HostProcessor;
import java.util.Optional;

/** Guest code as host machine code, on x86-64 Linux hosts. */
public final class TranslatorEngine implements CpuEngine {
  /** The provider, as {@link java.util.ServiceLoader} makes it. */
  public TranslatorEngine() {}

  @Override
  public String name() {
    return "translator";
  }

  @Override
  public Optional<String> unavailable() {
    if (!HostProcessor.isX86Linux()) {
      return Optional.of("The translator needs a 64-bit x86 host with Linux.");
    }
    if (!HostProcessor.canSetGsBase()) {
      return Optional.of("The translator needs a host with FSGSBASE and Linux 5.9 or later.");
    }
    return Optional.empty();
  }

  @Override
  public CpuVm create(GuestMemory memory) {
    return InterpreterEngine.accelerated(memory, new Translations());
  }

  private static final class Translations implements Accelerator.Factory {
    @Override
    public int stateSize() {
      return Layout.SIZE;
    }

    @Override
    public Accelerator create(Cpu cpu, GuestMemory memory, Accelerator.CodeHolder holder) {
      return new Translation(cpu, memory, holder);
    }
  }
}
