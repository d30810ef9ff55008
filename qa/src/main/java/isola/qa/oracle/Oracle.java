package isola.qa.oracle;

import static isola.qa.oracle.RecordSpec.BYTES;
import static isola.qa.oracle.RecordSpec.CODE_AT;
import static isola.qa.oracle.RecordSpec.CODE_BYTES;
import static isola.qa.oracle.RecordSpec.FX;
import static isola.qa.oracle.RecordSpec.GPR;
import static isola.qa.oracle.RecordSpec.IN;
import static isola.qa.oracle.RecordSpec.LENGTH;
import static isola.qa.oracle.RecordSpec.MODE;
import static isola.qa.oracle.RecordSpec.OUT;
import static isola.qa.oracle.RecordSpec.SEED;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import isola.cpu.x86.decode.Form;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Runs random machine code on the host processor, in the instructions' semantics and on every
 * engine that works here, and reports what differs. Not thread-safe.
 */
public final class Oracle implements AutoCloseable {
  private static final int BATCH = 512;

  private final HostProcessor host = HostProcessor.start(BATCH);
  private final Interpreted interpreted = new Interpreted(Semantics::step);
  private final List<Engine> engines = new ArrayList<>();
  private final StateGenerator states = new StateGenerator();
  private final Comparison comparison = new Comparison();
  private final CodeGenerator code;
  private final EncodingGenerator encodings = new EncodingGenerator();
  private long instructions;

  /**
   * A difference.
   *
   * @param mode 64 or 32
   * @param seed what made the state
   * @param code the machine code
   * @param form the last instruction, in the table's words
   * @param report what differs, one line each
   */
  public record Difference(int mode, long seed, String code, String form, List<String> report) {
    /** The line by which {@link Oracle#replay} repeats it. */
    public String line() {
      return "%d %016x %s".formatted(mode, seed, code);
    }
  }

  /**
   * An oracle over the instructions that {@code wanted} lets through.
   *
   * @param names the engines that take part if they work here
   */
  public Oracle(Predicate<Form> wanted, String... names) {
    code = new CodeGenerator(wanted);
    for (String name : names) {
      if (Engine.available(name)) {
        engines.add(new Engine(name));
      }
    }
  }

  /** The engines that take part, by name. */
  public List<String> engines() {
    return engines.stream().map(Engine::name).toList();
  }

  /** Instructions executed so far. */
  public long instructions() {
    return instructions;
  }

  /**
   * Runs random cases until {@code count} instructions were compared or {@code most} differences
   * found.
   */
  public List<Difference> run(long seed, long count, int longest, int most) {
    return run(seed, count, most, (caseSeed, is64) -> code.generate(caseSeed, is64, longest));
  }

  /**
   * Runs {@code count} cases of random bytes that may be an instruction or none, or until {@code
   * most} differences were found.
   */
  public List<Difference> encodings(long seed, long count, int most) {
    return run(seed, count, most, encodings::generate);
  }

  private interface Generator {
    byte[] generate(long seed, boolean is64);
  }

  private List<Difference> run(long seed, long count, int most, Generator generator) {
    List<Difference> found = new ArrayList<>();
    SplittableRandom seeds = new SplittableRandom(seed);
    long end = instructions + count;
    for (int batch = 0; instructions < end && found.size() < most; batch++) {
      // Both modes in turn, as changing it costs time.
      boolean is64 = batch % 4 != 3;
      for (int i = 0; i < BATCH; i++) {
        long caseSeed = seeds.nextLong();
        prepare(record(i), caseSeed, is64, generator.generate(caseSeed, is64));
      }
      host.run(BATCH);
      for (int i = 0; i < BATCH && found.size() < most; i++) {
        Difference difference = check(record(i), Integer.MAX_VALUE);
        // What is no instruction counts as one.
        instructions += Math.max(1, interpreted.executed().size());
        if (difference != null) {
          found.add(reduce(i, difference));
        }
      }
    }
    return found;
  }

  private MemorySegment record(int index) {
    return host.records().asSlice((long) index * BYTES, BYTES);
  }

  private void prepare(MemorySegment record, long seed, boolean is64, byte[] bytes) {
    if (bytes.length > CODE_BYTES - 16) {
      throw new IllegalArgumentException("code of %d bytes is too long".formatted(bytes.length));
    }
    record.set(JAVA_INT_UNALIGNED, MODE, is64 ? 64 : 32);
    record.set(JAVA_INT_UNALIGNED, LENGTH, bytes.length);
    record.set(JAVA_LONG_UNALIGNED, SEED, seed);
    record.asSlice(CODE_AT, CODE_BYTES).fill((byte) 0xf4);
    MemorySegment.copy(bytes, 0, record, JAVA_BYTE, CODE_AT, bytes.length);
    states.generate(record, seed, is64);
  }

  private @Nullable Difference check(MemorySegment record, int limit) {
    MemorySegment ours = interpreted.run(record, limit);
    List<String> report =
        comparison.compare(record, ours, interpreted.lastForm(), interpreted.faulted());
    if (!report.isEmpty()) {
      return difference(record, report);
    }
    for (Engine engine : engines) {
      if (engine.level() < interpreted.level()) {
        continue;
      }
      ours = engine.run(record);
      if (ours == null) {
        return difference(record, List.of("the %s does not end".formatted(engine.name())));
      }
      report = comparison.compare(record, ours, interpreted.lastForm(), interpreted.faulted());
      if (!report.isEmpty()) {
        report.add(0, "the semantics agree, the %s does not".formatted(engine.name()));
        return difference(record, report);
      }
    }
    return null;
  }

  private Difference difference(MemorySegment record, List<String> report) {
    int length = record.get(JAVA_INT_UNALIGNED, LENGTH);
    byte[] bytes = record.asSlice(CODE_AT, length).toArray(JAVA_BYTE);
    Form form = interpreted.lastForm();
    return new Difference(
        record.get(JAVA_INT_UNALIGNED, MODE),
        record.get(JAVA_LONG_UNALIGNED, SEED),
        HexFormat.of().formatHex(bytes),
        form == null ? "" : form.op() + " " + String.join(",", form.operands()),
        List.copyOf(report));
  }

  /** Cuts a case that differs to the shortest beginning that does. */
  private Difference reduce(int index, Difference difference) {
    byte[] all = HexFormat.of().parseHex(difference.code());
    // In a copy at the end of the batch, so that the others' results stay.
    MemorySegment saved = MemorySegment.ofArray(record(index).toArray(JAVA_BYTE));
    List<Integer> ends = interpreted.ends();
    Difference shortest = difference;
    for (int end : List.copyOf(ends)) {
      if (end >= all.length) {
        break;
      }
      byte[] part = java.util.Arrays.copyOf(all, end);
      Difference d = one(difference.mode(), difference.seed(), part, 0);
      if (d != null) {
        shortest = d;
        break;
      }
    }
    MemorySegment.copy(saved, 0, record(index), 0, BYTES);
    return shortest;
  }

  private @Nullable Difference one(int mode, long seed, byte[] bytes, int index) {
    MemorySegment saved = MemorySegment.ofArray(record(index).toArray(JAVA_BYTE));
    prepare(record(index), seed, mode == 64, bytes);
    host.run(1);
    Difference difference = check(record(index), Integer.MAX_VALUE);
    MemorySegment.copy(saved, 0, record(index), 0, BYTES);
    return difference;
  }

  /** Repeats a case from a {@link Difference#line}: the difference, or null if there is none. */
  public @Nullable Difference replay(String line) {
    String[] words = line.trim().split(" +", -1);
    return one(
        Integer.parseInt(words[0]),
        Long.parseUnsignedLong(words[1], 16),
        HexFormat.of().parseHex(words[2]),
        0);
  }

  /** The state before and the host's after of a case, for a report. */
  public String describe(String line) {
    String[] words = line.trim().split(" +", -1);
    byte[] bytes = HexFormat.of().parseHex(words[2]);
    MemorySegment r = record(0);
    prepare(r, Long.parseUnsignedLong(words[1], 16), words[0].equals("64"), bytes);
    host.run(1);
    StringBuilder text = new StringBuilder(256);
    for (int i = 0; i < 16; i++) {
      text.append(
          "r%d %016x -> %016x%n"
              .formatted(
                  i,
                  r.get(JAVA_LONG_UNALIGNED, IN + GPR + i * 8),
                  r.get(JAVA_LONG_UNALIGNED, OUT + GPR + i * 8)));
    }
    text.append(
        "rflags %x -> %x%n"
            .formatted(
                r.get(JAVA_LONG_UNALIGNED, IN + RecordSpec.RFLAGS),
                r.get(JAVA_LONG_UNALIGNED, OUT + RecordSpec.RFLAGS)));
    for (int i = 0; i < 8; i++) {
      text.append(
          "st%d %04x %016x -> %04x %016x%n"
              .formatted(
                  i,
                  r.get(JAVA_LONG_UNALIGNED, IN + FX + 40 + i * 16),
                  r.get(JAVA_LONG_UNALIGNED, IN + FX + 32 + i * 16),
                  r.get(JAVA_LONG_UNALIGNED, OUT + FX + 40 + i * 16) & 0xffff,
                  r.get(JAVA_LONG_UNALIGNED, OUT + FX + 32 + i * 16)));
    }
    for (int i = 0; i < 16; i++) {
      text.append(
          "xmm%d %016x %016x -> %016x %016x%n"
              .formatted(
                  i,
                  r.get(JAVA_LONG_UNALIGNED, IN + FX + 168 + i * 16),
                  r.get(JAVA_LONG_UNALIGNED, IN + FX + 160 + i * 16),
                  r.get(JAVA_LONG_UNALIGNED, OUT + FX + 168 + i * 16),
                  r.get(JAVA_LONG_UNALIGNED, OUT + FX + 160 + i * 16)));
    }
    text.append(
        "fcw/fsw %08x -> %08x, mxcsr %x -> %x%n"
            .formatted(
                r.get(JAVA_INT_UNALIGNED, IN + FX),
                r.get(JAVA_INT_UNALIGNED, OUT + FX),
                r.get(JAVA_INT_UNALIGNED, IN + FX + 24),
                r.get(JAVA_INT_UNALIGNED, OUT + FX + 24)));
    return text.toString();
  }

  @Override
  public void close() {
    interpreted.close();
    engines.forEach(Engine::close);
    host.close();
  }
}
