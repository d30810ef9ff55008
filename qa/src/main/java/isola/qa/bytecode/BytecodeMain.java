package isola.qa.bytecode;

import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Measures what a back end that makes JVM bytecode would cost (ADR 10): building and defining a
 * class for each region, its first runs, and its speed after many. {@code BytecodeMain [REGIONS
 * [RUNS]]}.
 */
public final class BytecodeMain {
  private static final MethodType TYPE = MethodType.methodType(long.class, long.class, int.class);

  private BytecodeMain() {}

  /** Prints the figures. */
  public static void main(String[] args) throws Throwable {
    int regions = args.length > 0 ? Integer.parseInt(args[0]) : 3000;
    int runs = args.length > 1 ? Integer.parseInt(args[1]) : 1000;
    try (GuestMemory memory = new GuestMemory()) {
      memory.addRam(0, 1 << 20);
      long state = memory.slots().getFirst().hostAddress();
      long page = state + 4096;
      RawMemory.putLong(state + 64, 0x40_0000);
      RawMemory.putLong(state + 72, page - 0x40_0000);
      for (boolean accesses : new boolean[] {false, true}) {
        RawMemory.putLong(state, 1);
        RawMemory.putLong(state + 8, 0x40_0000);
        measure(regions, runs, accesses, state);
      }
    }
  }

  private static void measure(int regions, int runs, boolean accesses, long state)
      throws Throwable {
    byte[][] files = new byte[regions][];
    MethodHandle[] methods = new MethodHandle[regions];
    long start = System.nanoTime();
    for (int i = 0; i < regions; i++) {
      files[i] = RegionCompiler.region(i, accesses);
    }
    long built = System.nanoTime();
    for (int i = 0; i < regions; i++) {
      MethodHandles.Lookup lookup = MethodHandles.lookup().defineHiddenClass(files[i], true);
      methods[i] = lookup.findStatic(lookup.lookupClass(), "run", TYPE);
    }
    long defined = System.nanoTime();
    long sum = 0;
    for (int run = 0; run < runs; run++) {
      for (MethodHandle method : methods) {
        sum += (long) method.invokeExact(state, 1);
      }
    }
    long ran = System.nanoTime();
    int times = 20_000_000;
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      long before = System.nanoTime();
      sum += (long) methods[0].invokeExact(state, times);
      best = Math.min(best, System.nanoTime() - before);
    }
    System.out.printf(
        "%s: %d regions: build %.0f us, define %.0f us each; first %d runs %.0f ns each;"
            + " then %.2f ns a turn (%d)%n",
        accesses ? "load, add and store" : "CRC-32 of a byte",
        regions,
        (built - start) / 1e3 / regions,
        (defined - built) / 1e3 / regions,
        runs,
        (double) (ran - defined) / regions / runs,
        (double) best / times,
        sum);
  }
}
