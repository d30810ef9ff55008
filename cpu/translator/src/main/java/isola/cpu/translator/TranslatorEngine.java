package isola.cpu.translator;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.interpreter.Accelerator;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.host.HostProcessor;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Guest code as host machine code, on x86-64 Linux hosts. */
public final class TranslatorEngine implements CpuEngine {
  /** What a guest of level x86-64-v2 with AES may execute, as Linux calls it. */
  private static final List<String> NEEDED =
      List.of("aes", "cx16", "lahf_lm", "pclmulqdq", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3");

  /** What a guest of level x86-64-v3 may execute besides. */
  private static final List<String> NEEDED_FOR_V3 =
      List.of("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe");

  /** Bytes of host code kept; when they are used up all is dropped and begun anew. */
  private static final long CODE_BYTES = 64L << 20;

  private static final int PREFERENCE = 20;

  private final @Nullable CodeWatch watch;
  private final long codeBytes;

  /** The provider, as {@link java.util.ServiceLoader} makes it. */
  public TranslatorEngine() {
    this(null, CODE_BYTES);
  }

  /** An engine whose generated code is watched, for tests. */
  TranslatorEngine(CodeWatch watch) {
    this(watch, CODE_BYTES);
  }

  /**
   * An engine with a code cache of another size, for tests.
   *
   * @param codeBytes for each processor, a multiple of 4096
   */
  TranslatorEngine(@Nullable CodeWatch watch, long codeBytes) {
    this.watch = watch;
    this.codeBytes = codeBytes;
  }

  @Override
  public String name() {
    return "translator";
  }

  @Override
  public int preference() {
    return PREFERENCE;
  }

  @Override
  public Optional<String> unavailable() {
    if (!HostProcessor.isX86Linux()) {
      return Optional.of("The translator needs a 64-bit x86 host with Linux.");
    }
    if (!HostProcessor.canSetGsBase()) {
      return Optional.of("The translator needs a host with FSGSBASE and Linux 5.9 or later.");
    }
    Set<String> missing = HostProcessor.missing(NEEDED);
    if (!missing.isEmpty()) {
      return Optional.of(
          "The translator needs a host processor with %s.".formatted(String.join(", ", missing)));
    }
    return Optional.empty();
  }

  @Override
  public int level() {
    return HostProcessor.missing(NEEDED_FOR_V3).isEmpty() ? 3 : 2;
  }

  @Override
  public CpuVm create(GuestMemory memory) {
    return InterpreterEngine.accelerated(
        memory, new Translations(watch, codeBytes, level() >= 3, new AtomicInteger()));
  }

  private record Translations(
      @Nullable CodeWatch watch, long codeBytes, boolean v3, AtomicInteger processors)
      implements Accelerator.Factory {
    @Override
    public int stateSize() {
      return Layout.SIZE;
    }

    @Override
    public Accelerator create(Cpu cpu, GuestMemory memory, Accelerator.CodeHolder holder) {
      processors.incrementAndGet();
      return new Translation(cpu, memory, holder, watch, codeBytes, v3, processors::get);
    }
  }
}
