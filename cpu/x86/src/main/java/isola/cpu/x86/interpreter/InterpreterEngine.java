package isola.cpu.x86.interpreter;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.decode.OpcodeTable;
import java.util.Optional;

/** The reference engine: plain Java, any JVM. */
public final class InterpreterEngine implements CpuEngine {
  private static final int PREFERENCE = 10;

  /** The provider, as {@link java.util.ServiceLoader} makes it. */
  public InterpreterEngine() {}

  @Override
  public String name() {
    return "interpreter";
  }

  @Override
  public int preference() {
    return PREFERENCE;
  }

  @Override
  public Optional<String> unavailable() {
    return Optional.empty();
  }

  @Override
  public int level() {
    return 3;
  }

  @Override
  public void prepare() {
    OpcodeTable _ = OpcodeTable.v3();
  }

  @Override
  public CpuVm create(GuestMemory memory) {
    return new InterpreterVm(memory, null);
  }

  /** A machine's processors, each on the interpreter and an accelerator. */
  public static CpuVm accelerated(GuestMemory memory, Accelerator.Factory accelerators) {
    return new InterpreterVm(memory, accelerators);
  }
}
