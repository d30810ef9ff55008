package isola.machine.board;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.CpuVm;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.GuestMemory;
import isola.core.memory.RawMemory;
import isola.core.time.ManualClock;
import isola.cpu.x86.state.CpuState;
import isola.machine.board.boot.BootFile;
import isola.machine.board.layout.BoardSpec;
import isola.machine.board.saved.Description;
import isola.machine.board.saved.Description.Hardware;
import isola.machine.board.saved.Description.Part;
import isola.machine.board.saved.SavedFile;
import isola.machine.board.saved.SavedWriter;
import isola.machine.board.vcpu.FakeVcpu;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The state of a whole board: what a guest did to it comes back from the file, whatever it did. */
final class BoardStateTest {
  private static final int WRITES = 4000;

  @TempDir Path folder = Path.of("");

  private static final class FakeEngine implements CpuEngine, CpuVm {
    private int made;

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
      return this;
    }

    @Override
    public Vcpu createVcpu(VcpuWiring wiring) {
      FakeVcpu vcpu = new FakeVcpu(made++);
      RawMemory.putLong(vcpu.state() + CpuState.RFLAGS, 2);
      RawMemory.putLong(vcpu.state() + CpuState.XCR0, 1);
      return vcpu;
    }

    @Override
    public void close() {}
  }

  private static final PcBoard.Requests NOBODY =
      new PcBoard.Requests() {
        @Override
        public void reset(String how) {}

        @Override
        public void testExit(int status) {}

        @Override
        public void powerOff() {}

        @Override
        public void suspend() {}

        @Override
        public void wake() {}
      };

  private static BootFile kernel() {
    ByteBuffer image = ByteBuffer.allocate(0x1000).order(ByteOrder.LITTLE_ENDIAN);
    image.putInt(0, 0x1badb002).putInt(4, 0x10000).putInt(8, -(0x1badb002 + 0x10000));
    image.putInt(12, 0x100000).putInt(16, 0x100000).putInt(20, 0x101000).putInt(28, 0x100080);
    return BootFile.of("kernel", image.array());
  }

  private static PcBoard board(ManualClock clock, @Nullable Hardware saved) {
    MachineConfig config =
        MachineConfig.of(kernel())
            .cpus(2)
            .memory(16 << 20)
            .engine("fake")
            .cpuModel("v2")
            .testDevices(true)
            .serial((bytes, offset, length) -> {})
            .build();
    return new PcBoard(
        "test",
        config,
        new FakeEngine(),
        NOBODY,
        new Timeline(() -> 0),
        clock,
        new SplittableRandom(1)::nextLong,
        OtherEngines.NONE,
        saved);
  }

  /** What a wild guest does: values at the ports and the device memory that a PC has. */
  private static void drive(PcBoard board, ManualClock clock, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] ports = {
      0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71, 0x60, 0x64,
      0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3ff, 0xcf8, 0xcfc, 0x600, 0x602, 0x620, 0x628, 0x3d4,
      0x3d5, 0x510, 0xe0, 0x2003
    };
    for (int i = 0; i < WRITES; i++) {
      int size = 1 << random.nextInt(3);
      if (random.nextInt(3) > 0) {
        int port = ports[random.nextInt(ports.length)];
        board.ports.out(port, size, random.nextInt());
        int _ = board.ports.in(port, size);
      } else {
        long base =
            switch (random.nextInt(4)) {
              case 0 -> BoardSpec.HPET_BASE + 4L * random.nextInt(0x60);
              case 1 -> BoardSpec.IO_APIC_BASE + 16L * random.nextInt(2);
              case 2 -> 0xfee0_0000L + 16L * random.nextInt(0x40);
              default ->
                  BoardSpec.ECAM_BASE + ((long) random.nextInt(32) << 15) + 4L * random.nextInt(64);
            };
        board.cpuBuses.get(random.nextInt(2)).write(base, 4, random.nextInt() & 0xffff_ffffL);
      }
      if (random.nextInt(16) == 0) {
        clock.advance(random.nextInt(100_000));
      }
    }
  }

  private static Map<String, Part> byName(List<Part> parts) {
    Map<String, Part> map = new LinkedHashMap<>();
    parts.forEach(part -> map.put(part.name(), part));
    return map;
  }

  private SavedFile save(PcBoard board, ManualClock clock, UnaryOperator<List<Part>> change)
      throws IOException {
    BoardState state = new BoardState(board);
    state.noteTime();
    List<Part> parts = change.apply(state.parts());
    Hardware hardware = SavedMachine.describe(board);
    Path file = folder.resolve("saved");
    new SavedWriter(board.memory, state.processors(), () -> false)
        .write(
            file,
            true,
            memory -> new Description("", "", "fake", hardware, clock.nanos(), parts, memory));
    return SavedFile.open(file);
  }

  private static void restore(SavedFile file, ManualClock clock, List<Part> into)
      throws IOException {
    clock.advance(file.description().nanos());
    PcBoard board = board(clock, file.description().hardware());
    try {
      board.threads.hold();
      BoardState state = new BoardState(board);
      state.restore(file);
      state.noteTime();
      into.addAll(state.parts());
    } finally {
      board.threads.close();
      board.close();
    }
  }

  @Test
  void whatAGuestDidToTheBoardComesBack() throws IOException {
    for (long seed = 1; seed <= 12; seed++) {
      ManualClock clock = new ManualClock(1_767_225_600_000_000_000L);
      PcBoard board = board(clock, null);
      try {
        board.powerOn(true);
        drive(board, clock, seed);
        SavedFile file = save(board, clock, parts -> parts);
        List<Part> again = new ArrayList<>();
        restore(file, new ManualClock(1_767_225_600_000_000_000L), again);
        Map<String, Part> before = byName(file.description().parts());
        Map<String, Part> after = byName(again);
        assertThat(after.keySet()).isEqualTo(before.keySet());
        long round = seed;
        after.forEach(
            (name, part) ->
                assertThat(part).as("%s, seed %d", name, round).isEqualTo(before.get(name)));
      } finally {
        board.threads.close();
        board.close();
      }
    }
  }

  @Test
  void aPartThatIsMissingStrangeOrOfAnotherVersionIsRefused() throws IOException {
    List<UnaryOperator<List<Part>>> changes =
        List.of(
            parts -> parts.subList(1, parts.size()),
            parts -> with(parts, new Part("strange", 1, Map.of())),
            parts -> with(parts, parts.getFirst()),
            parts -> replaced(parts, new Part("pic", 2, pic(parts))),
            parts -> replaced(parts, new Part("pic", 1, List.of())),
            parts -> replaced(parts, new Part("pic", 1, Map.of())),
            parts -> replaced(parts, new Part("hpet", 1, pic(parts))));
    for (int i = 0; i < changes.size(); i++) {
      ManualClock clock = new ManualClock(0);
      PcBoard board = board(clock, null);
      try {
        board.powerOn(true);
        SavedFile file = save(board, clock, changes.get(i));
        assertThatThrownBy(() -> restore(file, new ManualClock(0), new ArrayList<>()))
            .as("change %d", i)
            .isInstanceOf(IllegalArgumentException.class);
      } finally {
        board.threads.close();
        board.close();
      }
    }
  }

  private static Object pic(List<Part> parts) {
    return Objects.requireNonNull(byName(parts).get("pic")).state();
  }

  private static List<Part> with(List<Part> parts, Part part) {
    List<Part> more = new ArrayList<>(parts);
    more.add(part);
    return more;
  }

  private static List<Part> replaced(List<Part> parts, Part by) {
    return parts.stream().map(part -> part.name().equals(by.name()) ? by : part).toList();
  }
}
