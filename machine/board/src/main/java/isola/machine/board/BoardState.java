package isola.machine.board;

import isola.core.cpu.Vcpu;
import isola.core.device.Stateful;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;
import isola.cpu.x86.state.StateCheck;
import isola.machine.board.saved.Description;
import isola.machine.board.saved.Description.Part;
import isola.machine.board.saved.RecordCodec;
import isola.machine.board.saved.SavedFile;
import isola.machine.devices.interrupt.ApicPage;
import isola.machine.devices.interrupt.LocalApic;
import isola.machine.devices.msr.KvmClock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Takes the state of a {@link PcBoard} that stands still, and puts it into one that was just built.
 * What is saved does not tell which engine ran the machine: an engine that keeps the local APICs
 * and the paravirtual clock inside itself has them moved to where the board's own have theirs, and
 * back.
 *
 * <p>One thread, while no processor, clock or device worker does anything.
 */
final class BoardState {
  private static final long SECOND = 1_000_000_000L;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  /** The time that an engine keeps by itself, as it was when the machine came to a stop. */
  private record StoppedAt(long tscOffset, long deadline, int count) {}

  private final PcBoard board;
  private final boolean apicsInside;
  private final List<StoppedAt> stopped = new ArrayList<>();

  BoardState(PcBoard board) {
    this.board = board;
    apicsInside = board.cpuVm.apics() != null;
  }

  // Saving.

  /**
   * The processors have stopped, and the clock is about to: from here on an engine's own counters
   * run ahead of it.
   */
  void noteTime() {
    stopped.clear();
    for (Vcpu vcpu : board.vcpus) {
      vcpu.pull();
      long state = vcpu.state();
      stopped.add(
          new StoppedAt(
              RawMemory.getLong(state + CpuState.TSC_OFFSET),
              RawMemory.getLong(state + CpuState.TSC_DEADLINE),
              RawMemory.getInt(state + CpuState.LOCAL_APIC + ApicPage.CURRENT_COUNT)));
    }
  }

  /** The processors' states without what belongs to the engine, a page each. */
  List<byte[]> processors() {
    List<byte[]> images = new ArrayList<>();
    for (Vcpu vcpu : board.vcpus) {
      byte[] image = new byte[CpuState.ARCHITECTURAL_SIZE];
      MemorySegment view = RawMemory.view(vcpu.state(), image.length);
      MemorySegment.copy(view, 0, MemorySegment.ofArray(image), 0, image.length);
      MemorySegment copy = MemorySegment.ofArray(image);
      copy.set(LONG, CpuState.TSC_OFFSET, stopped.get(vcpu.index()).tscOffset);
      copy.asSlice(CpuState.APIC_BASE, CpuState.LOCAL_APIC - CpuState.APIC_BASE).fill((byte) 0);
      copy.asSlice(CpuState.LOCAL_APIC, CpuState.LOCAL_APIC_SIZE).fill((byte) 0);
      images.add(image);
    }
    return images;
  }

  /** The devices' states, those of an engine's own among them. After {@link #noteTime}. */
  List<Part> parts() {
    // Messages may have come since.
    board.vcpus.forEach(Vcpu::pull);
    board.followers.forEach(TscFollower::look);
    Map<String, Record> inside = apicsInside ? inside() : Map.of();
    List<Part> parts = new ArrayList<>();
    board.parts.forEach(
        (name, device) -> {
          Record own = inside.get(name);
          Record state = own == null ? device.save() : own;
          parts.add(new Part(name, device.version(), RecordCodec.tree(state)));
        });
    return parts;
  }

  private Map<String, Record> inside() {
    Map<String, Record> states = new LinkedHashMap<>();
    long nanos = board.clock.nanos();
    long paravirtual = board.cpuVm.paravirtualNanos();
    for (Vcpu vcpu : board.vcpus) {
      long state = vcpu.state();
      StoppedAt at = stopped.get(vcpu.index());
      // One that ran out since then interrupts early; when it was due it does so once more.
      RawMemory.putInt(state + CpuState.LOCAL_APIC + ApicPage.CURRENT_COUNT, at.count);
      states.put(
          PcBoard.LOCAL_APIC + vcpu.index(),
          ApicPage.state(
              state + CpuState.LOCAL_APIC,
              RawMemory.getLong(state + CpuState.APIC_BASE),
              at.deadline,
              nanos));
      states.put(
          PcBoard.KVM_CLOCK + vcpu.index(),
          new KvmClock.State(
              RawMemory.getLong(state + CpuState.KVM_WALL_CLOCK),
              RawMemory.getLong(state + CpuState.KVM_SYSTEM_TIME),
              at.tscOffset,
              paravirtual < 0 ? 0 : paravirtual - nanos));
    }
    return states;
  }

  // Restoring.

  /**
   * Makes the board what a file says. It was built and not powered on, its clock stands at the
   * saved time, and its workers are held.
   *
   * @throws IOException if memory cannot be mapped
   * @throws IllegalArgumentException if a state cannot be, with what is wrong
   */
  void restore(SavedFile file) throws IOException {
    Map<String, Part> saved = parts(file.description());
    file.mapInto(board.memory);
    for (Vcpu vcpu : board.vcpus) {
      vcpu.reset();
      restore(vcpu, file.processors().get(vcpu.index()));
    }
    board.limitInstructions();
    board.followers.forEach(TscFollower::look);
    long ahead = apicsInside ? takeInside(saved) : 0;
    board.vcpus.forEach(Vcpu::push);
    board.parts.forEach(
        (name, device) -> {
          if (!apicsInside || !isInside(name)) {
            restore(name, device, saved);
          }
        });
    if (apicsInside) {
      board.vcpus.forEach(BoardState::signal);
    }
    // From here on an engine's own counters may run, and are put back at the start.
    board.cpuVm.paused();
    board.cpuVm.paravirtualNanos(board.clock.nanos() + ahead);
    board.cpuVm.counter(counter());
  }

  /** What the first processor's time-stamp counter shows. */
  private long counter() {
    long nanos = board.clock.nanos();
    return nanos / SECOND * board.tscHz
        + nanos % SECOND * board.tscHz / SECOND
        + RawMemory.getLong(board.vcpus.getFirst().state() + CpuState.TSC_OFFSET);
  }

  private Map<String, Part> parts(Description description) {
    Map<String, Part> saved = new LinkedHashMap<>();
    for (Part part : description.parts()) {
      if (saved.put(part.name(), part) != null || !board.parts.containsKey(part.name())) {
        throw new IllegalArgumentException(
            "the part '%s' has no place or comes twice".formatted(part.name()));
      }
    }
    return saved;
  }

  private static boolean isInside(String name) {
    return name.startsWith(PcBoard.LOCAL_APIC) || name.startsWith(PcBoard.KVM_CLOCK);
  }

  private static void restore(Vcpu vcpu, byte[] image) {
    long state = vcpu.state();
    MemorySegment view = RawMemory.view(state, image.length);
    MemorySegment.copy(MemorySegment.ofArray(image), 0, view, 0, image.length);
    try {
      StateCheck.take(state);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "processor %d: %s".formatted(vcpu.index(), e.getMessage()), e);
    }
  }

  /** Gives the engine its local APICs; returns how far the paravirtual clock is ahead. */
  private long takeInside(Map<String, Part> saved) {
    long ahead = 0;
    for (LocalApic apic : board.apics) {
      int index = board.apics.indexOf(apic);
      long state = board.vcpus.get(index).state();
      LocalApic.State local = state(PcBoard.LOCAL_APIC + index, apic, saved);
      ApicPage.fill(state + CpuState.LOCAL_APIC, local, board.clock.nanos());
      RawMemory.putLong(state + CpuState.APIC_BASE, local.base());
      RawMemory.putLong(state + CpuState.TSC_DEADLINE, local.timer().deadline());
      KvmClock.State clock = state(PcBoard.KVM_CLOCK + index, board.kvmClocks.get(index), saved);
      RawMemory.putLong(state + CpuState.KVM_WALL_CLOCK, clock.wallClock());
      RawMemory.putLong(state + CpuState.KVM_SYSTEM_TIME, clock.systemTime());
      ahead = clock.ahead();
    }
    return ahead;
  }

  /** What a software engine had yet to look at, and the engine inside has to be told. */
  private static void signal(Vcpu vcpu) {
    int waiting = RawMemory.getInt(vcpu.state() + CpuState.ATTENTION);
    if ((waiting & Attention.INIT) != 0) {
      vcpu.init();
    }
    if ((waiting & Attention.STARTUP) != 0) {
      vcpu.startup(RawMemory.getInt(vcpu.state() + CpuState.STARTUP_VECTOR));
    }
  }

  private static <S extends Record> void restore(
      String name, Stateful<S> device, Map<String, Part> saved) {
    try {
      device.restore(state(name, device, saved));
    } catch (NullPointerException | IndexOutOfBoundsException e) {
      throw new IllegalArgumentException(
          "the state of '%s' is not one of its own".formatted(name), e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("%s: %s".formatted(name, e.getMessage()), e);
    }
  }

  private static <S extends Record> S state(
      String name, Stateful<S> device, Map<String, Part> saved) {
    Part part = saved.get(name);
    if (part == null) {
      throw new IllegalArgumentException("the part '%s' is missing".formatted(name));
    }
    if (part.version() != device.version()) {
      throw new IllegalArgumentException(
          "the state of '%s' is of version %d, not %d"
              .formatted(name, part.version(), device.version()));
    }
    // A device's save gives its own kind of state, whatever it says.
    @SuppressWarnings("unchecked")
    Class<S> type = (Class<S>) device.save().getClass();
    return RecordCodec.record(type, part.state());
  }
}
