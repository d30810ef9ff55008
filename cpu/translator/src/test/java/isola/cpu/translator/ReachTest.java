package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.Exit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What generated code can reach, and that it can be reached itself. */
@Timeout(120)
final class ReachTest {
  /** More than the JVM keeps for the code of its own compilers, which is writable. */
  private static final long JVM_CODE = 256L << 20;

  @BeforeEach
  void check() {
    assumeTrue(new TranslatorEngine().unavailable().isEmpty(), "the translator cannot run here");
  }

  private static List<String> writableCode() throws IOException {
    try (java.util.stream.Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains(" rwx")).toList();
    }
  }

  @Test
  void noPageIsWritableAndExecutableAtOnce() throws Exception {
    List<String> before = writableCode();
    try (Spinning guest = new Spinning("ebfe")) {
      assertThat(Files.readString(Path.of("/proc/self/maps"))).contains("isola-code");
      for (String line : writableCode()) {
        // The JVM's own code, which grows inside a range that it reserved at its start.
        long begin = Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
        long first =
            Long.parseUnsignedLong(before.getFirst(), 0, before.getFirst().indexOf('-'), 16);
        assertThat(begin - first).as(line).isBetween(0L, JVM_CODE);
        assertThat(line).doesNotContain("isola");
      }
      assertThat(guest.stop()).isLessThan(Spinning.PATIENCE);
    }
  }

  @Test
  void allCodeOfRandomProgramsReachesTheirMemoryAlone() {
    CodeVerifier verifier = new CodeVerifier();
    ProgramGenerator generator = new ProgramGenerator(42);
    try (BareMachine machine = new BareMachine(new TranslatorEngine(verifier))) {
      for (int i = 0; i < 200; i++) {
        machine.prepare(generator.next(), i);
        assertThat(machine.run()).isEqualTo(Exit.HALT);
      }
    }
    verifier.checkJumps();
    assertThat(verifier.findings).isEmpty();
    assertThat(verifier.memoryOperands()).isGreaterThan(1000);
  }

  @Test
  void wildAddressesFaultInTheGuest() {
    // Random addresses of every kind: the code reaches nothing, or the guest shuts down by its own
    // page fault; generated code itself never faults.
    java.util.Random random = new java.util.Random(7);
    int shutdowns = 0;
    try (BareMachine machine = new BareMachine(new TranslatorEngine())) {
      for (int i = 0; i < 2000; i++) {
        long address = random.nextLong() >> random.nextInt(64);
        address ^= random.nextInt(4) == 0 ? 0xfff_f000L : 0;
        String immediate = "%016x".formatted(Long.reverseBytes(address));
        // mov rbx, address; load, store, or SSE load; hlt
        String access =
            switch (i % 4) {
              case 0 -> "488b03";
              case 1 -> "488903";
              case 2 -> "0f1003";
              default -> "480fb103";
            };
        machine.prepare(HexFormat.of().parseHex("48bb" + immediate + access + "f4"), i);
        Exit exit = machine.run();
        assertThat(exit).as("%x %s", address, access).isIn(Exit.HALT, Exit.SHUTDOWN);
        shutdowns += exit == Exit.SHUTDOWN ? 1 : 0;
      }
    }
    assertThat(shutdowns).isGreaterThan(100);
  }

  @ParameterizedTest
  @CsvSource({
    "a tight loop, ebfe",
    // jmp to the next page and back
    "blocks that jump to each other, e9fb0f0000",
    // cli; jmp itself
    "interrupts off, fa ebfe",
    // mov edi, 200000h; mov ecx, 80000h; rep stosb; jmp back
    "a string instruction, bf00002000 b900000800 f3aa ebf2",
    // mov rax, [200000h]; jmp back
    "loads, 488b042500002000 ebf6",
    // lea rax, [rip]; jmp rax
    "indirect jumps, 488d05f9ffffff ffe0"
  })
  void aRunningGuestIsStoppedSoon(String what, String hex) throws Exception {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 5 && best > 2_000_000; i++) {
      try (Spinning guest = new Spinning(hex.replace(" ", ""))) {
        best = Math.min(best, guest.stop());
      }
    }
    // The best of five, as other programs may take the processor away.
    assertThat(best).as(what).isLessThan(10_000_000L);
  }

  @Test
  void aGarbageCollectionDoesNotWaitForAGuest() throws Exception {
    try (Spinning guest = new Spinning("ebfe")) {
      long best = Long.MAX_VALUE;
      for (int i = 0; i < 5; i++) {
        long before = System.nanoTime();
        System.gc();
        best = Math.min(best, System.nanoTime() - before);
      }
      // It would never end if it waited.
      assertThat(best).isLessThan(2_000_000_000L);
      assertThat(guest.stop()).isLessThan(Spinning.PATIENCE);
    }
  }

  /** A guest that runs on a thread of its own until it is stopped. */
  private static final class Spinning implements AutoCloseable {
    static final long PATIENCE = 5_000_000_000L;

    private final BareMachine machine = new BareMachine(new TranslatorEngine());
    private final Thread thread;
    private volatile Exit exit = Exit.FAULT;
    private volatile long ended;

    Spinning(String hex) throws InterruptedException {
      machine.prepare(HexFormat.of().parseHex(hex), 1);
      // jmp back, for whoever jumps to the next page
      machine.memory.write(BareMachine.CODE + 0x1000, HexFormat.of().parseHex("e9fbefffff"), 0, 5);
      thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    exit = machine.vcpu.run();
                    ended = System.nanoTime();
                  });
      Thread.sleep(30);
    }

    /** Nanoseconds from the request to the processor's exit. */
    long stop() throws InterruptedException {
      long asked = System.nanoTime();
      machine.vcpu.kick();
      thread.join(PATIENCE / 1_000_000);
      assertThat(exit).isEqualTo(Exit.KICK);
      return ended - asked;
    }

    @Override
    public void close() {
      boolean interrupted = false;
      while (thread.isAlive()) {
        machine.vcpu.kick();
        try {
          thread.join(100);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      machine.close();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
