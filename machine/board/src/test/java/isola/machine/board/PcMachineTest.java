package isola.machine.board;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import isola.machine.board.MachineConfig.ResetPolicy;
import isola.machine.board.boot.BootFile;
import isola.machine.board.vcpu.FakeVcpu;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A whole machine around processors that follow a script: how it starts, ends and starts over. */
@Timeout(60)
final class PcMachineTest {
  @TempDir Path folder = Path.of("");
  private final ByteArrayOutputStream console = new ByteArrayOutputStream();

  /** An engine whose processors do what {@link #script} says after each power-on. */
  private static final class FakeEngine implements CpuEngine, CpuVm {
    final List<FakeVcpu> vcpus = new ArrayList<>();
    final List<VcpuWiring> wirings = new ArrayList<>();
    final List<Function<ExitRecord, Exit>> script = new ArrayList<>();
    GuestMemory memory = new GuestMemory();

    @Override
    public String name() {
      return "fake";
    }

    @Override
    public Optional<String> unavailable() {
      return Optional.empty();
    }

    @Override
    public CpuVm create(GuestMemory memory) {
      this.memory = memory;
      return this;
    }

    @Override
    public Vcpu createVcpu(VcpuWiring wiring) {
      FakeVcpu vcpu = new FakeVcpu(vcpus.size());
      if (vcpus.isEmpty()) {
        vcpu.onReset(() -> vcpu.script.addAll(script));
      }
      vcpus.add(vcpu);
      wirings.add(wiring);
      return vcpu;
    }

    @Override
    public void close() {}

    void out(int port, int size, int value) {
      script.add(
          r -> {
            r.address = port;
            r.size = size;
            r.data = value;
            return Exit.PORT_OUT;
          });
    }

    void in(int port, int size, List<Long> into) {
      script.add(
          r -> {
            r.address = port;
            r.size = size;
            return Exit.PORT_IN;
          });
      script.add(
          r -> {
            into.add(r.data);
            return Exit.KICK;
          });
    }
  }

  private static BootFile kernel() {
    ByteBuffer image = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0, 0x1badb002).putInt(4, 0x10000).putInt(8, -(0x1badb002 + 0x10000));
    image.putInt(12, 0x100000).putInt(16, 0x100000).putInt(20, 0x101000).putInt(28, 0x100080);
    byte[] bytes = new byte[0x1000];
    image.get(0, bytes);
    return BootFile.of("kernel", bytes);
  }

  private MachineConfig.Builder config() {
    return MachineConfig.of(kernel())
        .memory(16 << 20)
        .engine("fake")
        .testDevices(true)
        .serial((bytes, offset, length) -> console.write(bytes, offset, length));
  }

  private static Outcome run(MachineConfig config, FakeEngine engine) throws InterruptedException {
    try (PcMachine machine = new PcMachine(config, engine)) {
      machine.start();
      Outcome outcome = machine.await();
      assertThat(outcome.sentence()).endsWith(".").doesNotContain("\n");
      assertThat(machine.stats().outcome()).isEqualTo(outcome.sentence());
      return outcome;
    }
  }

  @Test
  void softOffEndsInGoodOrder() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    engine.out(0x604, 2, 5 << 10 | 1 << 13);
    Outcome outcome = run(config().build(), engine);
    assertThat(outcome).isEqualTo(new Outcome.PoweredOff());
    assertThat(outcome.success()).isTrue();
  }

  @Test
  void everyWayToResetIsToldApart() throws InterruptedException {
    FakeEngine cf9 = new FakeEngine();
    cf9.out(0xcf9, 1, 2);
    cf9.out(0xcf9, 1, 6);
    assertThat(run(config().build(), cf9).sentence())
        .startsWith("The guest reset the machine through port 0xcf9 at 0008:")
        .contains(" on CPU 0 after ");
    FakeEngine keyboard = new FakeEngine();
    keyboard.out(0x64, 1, 0xfe);
    assertThat(run(config().build(), keyboard).sentence()).contains("keyboard controller");
    FakeEngine fast = new FakeEngine();
    fast.out(0x92, 1, 3);
    assertThat(run(config().build(), fast)).isInstanceOf(Outcome.Reset.class);
  }

  @Test
  void tripleFaultSaysWhereAndWhyTheKernelPanicked() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    for (byte b :
        "[1.0] Kernel panic - not syncing: VFS: no root\r\n".getBytes(StandardCharsets.US_ASCII)) {
      engine.out(0x3f8, 1, b);
    }
    engine.script.add(
        r -> {
          r.detail = "triple fault";
          return Exit.SHUTDOWN;
        });
    Outcome outcome = run(config().build(), engine);
    assertThat(outcome).isInstanceOf(Outcome.TripleFault.class);
    assertThat(outcome.sentence())
        .contains("at 0008:0000000000100080 on CPU 0")
        .contains("panicked: VFS: no root");
    assertThat(console.toString(StandardCharsets.US_ASCII)).contains("not syncing");
  }

  @Test
  void aResetLoopEndsWhenRestartsAreWanted() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    engine.out(0x3f8, 1, 'x');
    engine.out(0xcf9, 1, 6);
    Outcome outcome = run(config().resets(ResetPolicy.RESTART).build(), engine);
    assertThat(outcome.sentence()).contains("3rd time in a row");
    assertThat(console.toString(StandardCharsets.US_ASCII)).isEqualTo("xxx");
  }

  @Test
  void aRestartedMachineHasEmptyMemoryAndDevicesAsNew() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    List<Long> read = new ArrayList<>();
    engine.in(0x3ff, 1, read);
    engine.out(0x3ff, 1, 0x5a);
    engine.out(0xcf9, 1, 6);
    run(config().resets(ResetPolicy.RESTART).build(), engine);
    assertThat(read).containsExactly(0L, 0L, 0L);
  }

  @Test
  void aSuspendedMachineKeepsItsMemoryAndWakesWhereTheSystemWantsIt() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    List<Long> found = new ArrayList<>();
    engine.out(0x604, 2, 1 << 10 | 1 << 13);
    engine.script.add(
        _ -> {
          throw new IllegalStateException("the processor goes on in its sleep");
        });
    try (PcMachine machine = new PcMachine(config().build(), engine)) {
      engine.memory.put(0xe_000c, 4, 0x9_8765);
      engine.memory.put(0x5000, 4, 77);
      machine.start();
      assertThat(machine.await(300)).isNull();
      engine.script.clear();
      engine.script.add(
          _ -> {
            long state = engine.vcpus.getFirst().state();
            long cs = state + CpuState.SEGMENTS + CpuState.SEGMENT_SIZE;
            found.add(RawMemory.getLong(cs + CpuState.SEGMENT_BASE));
            found.add(RawMemory.getLong(state + CpuState.RIP));
            found.add(engine.memory.get(0x5000, 4));
            return Exit.KICK;
          });
      engine.out(0xf4, 4, 3);
      machine.pressPowerButton();
      assertThat(machine.await()).isEqualTo(new Outcome.TestExit(7));
    }
    assertThat(found).containsExactly(0x9_8760L, 5L, 77L);
  }

  @Test
  void aSuspendedMachineCanBeStoppedAndOneWithNowhereToWakeIsReset() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    engine.out(0x604, 2, 1 << 10 | 1 << 13);
    try (PcMachine machine = new PcMachine(config().build(), engine)) {
      machine.start();
      assertThat(machine.await(100)).isNull();
      machine.stop();
      assertThat(machine.await(5000)).isEqualTo(new Outcome.Stopped());
    }
    FakeEngine lost = new FakeEngine();
    lost.out(0x604, 2, 1 << 10 | 1 << 13);
    try (PcMachine machine = new PcMachine(config().build(), lost)) {
      machine.start();
      machine.pressPowerButton();
      assertThat(machine.await().sentence()).contains("waking up with nowhere to go");
    }
  }

  @Test
  void testProgramsEndThemselvesAndAskForTheMachinesSize() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    List<Long> read = new ArrayList<>();
    engine.out(0x510, 2, 5);
    engine.in(0x511, 1, read);
    engine.in(0x511, 1, read);
    engine.out(0xf4, 4, 16);
    Outcome outcome = run(config().cpus(3).build(), engine);
    assertThat(outcome).isEqualTo(new Outcome.TestExit(33));
    assertThat(read).containsExactly(3L, 0L);
  }

  @Test
  void aBugOfAnEngineEndsThisMachineWithASentence() throws InterruptedException {
    FakeEngine engine = new FakeEngine();
    engine.script.add(
        _ -> {
          throw new ArrayIndexOutOfBoundsException("7");
        });
    assertThat(run(config().build(), engine).sentence())
        .startsWith("The fake engine or a device failed at 0008:")
        .contains("ArrayIndexOutOfBoundsException (7)");
  }

  @Test
  void anIdleMachineStopsAtOnceAndMayBeClosedUnstarted() throws InterruptedException {
    PcMachine never = new PcMachine(config().build(), new FakeEngine());
    never.close();
    assertThat(never.await()).isEqualTo(new Outcome.Stopped());
    try (PcMachine machine = new PcMachine(config().cpus(4).build(), new FakeEngine())) {
      machine.start();
      assertThat(machine.await(50)).isNull();
      machine.pause();
      double before = machine.stats().seconds();
      assertThat(machine.stats().seconds()).isEqualTo(before);
      machine.resume();
      machine.stop();
      assertThat(machine.await(5000)).isEqualTo(new Outcome.Stopped());
    }
  }

  @Test
  void aStoppedMachineEndsEvenWhilePaused() throws InterruptedException {
    try (PcMachine machine = new PcMachine(config().build(), new FakeEngine())) {
      machine.start();
      machine.pause();
      machine.stop();
      assertThat(machine.await(5000)).isEqualTo(new Outcome.Stopped());
    }
  }

  @Test
  void theFirstProcessorStandsAtTheKernelsEntry() {
    FakeEngine engine = new FakeEngine();
    try (PcMachine _ = new PcMachine(config().build(), engine)) {
      long state = engine.vcpus.getFirst().state();
      assertThat(RawMemory.getLong(state + CpuState.RIP)).isEqualTo(0x100080);
      assertThat(RawMemory.getLong(state + CpuState.GPR)).isEqualTo(0x2badb002);
    }
  }

  @Test
  void everyProcessorHasItsOwnLocalApic() {
    FakeEngine engine = new FakeEngine();
    try (PcMachine _ = new PcMachine(config().cpus(3).build(), engine)) {
      for (int i = 0; i < 3; i++) {
        assertThat(engine.wirings.get(i).mmio().read(0xfee00020L, 4)).isEqualTo((long) i << 24);
      }
      assertThat(engine.wirings.get(1).mmio().read(0xfed00000L, 4)).isEqualTo(0x8086a201L);
      assertThat(engine.wirings.get(1).mmio().read(0xe00f8000L, 4)).isEqualTo(0x29188086L);
    }
  }

  @Test
  void whatIsMissingIsSaidInOneSentence() throws IOException {
    MachineConfig bad = MachineConfig.of(BootFile.of("text", new byte[100])).engine("fake").build();
    assertThatThrownBy(() -> new PcMachine(bad, new FakeEngine()))
        .isInstanceOf(MachineException.class)
        .hasMessageContaining("text is not a kernel");
    assertThatThrownBy(() -> new PcMachine(config().disk(folder, false).build(), new FakeEngine()))
        .isInstanceOf(MachineException.class)
        .hasMessageContaining("is a directory");
    Path disk = Files.write(folder.resolve("disk"), new byte[4096]);
    try (PcMachine _ = new PcMachine(config().disk(disk, false).build(), new FakeEngine())) {
      assertThatThrownBy(() -> new PcMachine(config().disk(disk, false).build(), new FakeEngine()))
          .hasMessageContaining("in use");
    }
    assertThatThrownBy(() -> config().cpus(0).build()).hasMessageContaining("1 to 64");
    assertThatThrownBy(() -> config().memory(5).build()).hasMessageContaining("multiple of 4096");
    assertThatThrownBy(() -> new PcMachine(config().cpuModel("x").build(), new FakeEngine()))
        .hasMessageContaining("no CPU model");
    assertThatThrownBy(() -> new PcMachine(config().cpuModel("v3").build(), new FakeEngine()))
        .hasMessageContaining("offers no more than v2 here, not the CPU model v3");
  }
}
