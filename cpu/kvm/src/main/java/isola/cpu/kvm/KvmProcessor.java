package isola.cpu.kvm;

import isola.core.bus.PortBus;
import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.Vcpu;
import isola.core.cpu.VcpuWiring;
import isola.core.memory.HostMemory;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.x86.state.CpuState;
import isola.host.DeviceFile;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A processor on KVM: the loop around KVM_RUN, and what its exits mean. See the package for
 * threads.
 */
final class KvmProcessor implements Vcpu {
  private static final int MODE_NMI = 4 << 8;
  private static final int MODE_INIT = 5 << 8;
  private static final int MODE_STARTUP = 6 << 8;

  // What each exit needs comes first and is made in one go, so that it lies in one page or two: a
  // world switch may cost the host's processor all that it knew of where pages are.
  private final ExitRecord exit = new ExitRecord();
  private final AtomicInteger asked = new AtomicInteger();
  private final ExitWatch watch;
  private final PortBus ports;
  private final int file;
  private final long shared;

  /** Whether to look at the 8259As before the next entry; owner thread. */
  private boolean external;

  private final int index;
  private final KvmVcpu vcpu;
  private final KvmApics apics;
  private final long state;
  private final StateTransfer transfer;
  private final PowerOnState powerOn;
  private final Attendance attendance;
  private final boolean takesExternal;
  private volatile Runnable wake;
  private volatile boolean open = true;

  /** Whether the guest's last access must be finished before its state is whole. */
  private boolean unfinished;

  /** An access that goes to the board in pieces, and what is left of it: owner thread. */
  private Exit access = Exit.PORT_IN;

  private long piece;
  private int pieceSize;
  private int pieces;
  private long nextAddress;
  private int addressStep;
  private boolean awaitingAnswer;

  /** Whether the board is to answer the read of one port, which goes in with the next entry. */
  private boolean awaitingPort;

  private long unknownMsrs;

  /** Whether this entry only ends the guest's last access. */
  private boolean finishing;

  /**
   * A processor at power-on.
   *
   * @throws KvmException if KVM refuses
   */
  KvmProcessor(
      int index,
      KvmVcpu vcpu,
      KvmApics apics,
      VcpuWiring wiring,
      GuestCpuid cpuid,
      int[] msrs,
      KvmMachine.Kept kept) {
    watch = new ExitWatch(index);
    attendance = new Attendance(vcpu, asked);
    ports = wiring.ports();
    file = vcpu.number();
    shared = vcpu.shared();
    this.index = index;
    this.vcpu = vcpu;
    this.apics = apics;
    wake = () -> {};
    takesExternal = index == 0;
    GuestCpuid.set(vcpu, cpuid.rows(wiring.cpuid()));
    state = HostMemory.installed().reserve(CpuState.ARCHITECTURAL_SIZE, "processor state");
    transfer = new StateTransfer(vcpu, state, wiring.clock(), wiring.tscHz(), cpuid, kept);
    powerOn = new PowerOnState(transfer, state, wiring.cpuid(), msrs);
  }

  /** Reads and writes its registers, while it stands still. */
  StateTransfer transfer() {
    return transfer;
  }

  /** Its handle. */
  KvmVcpu vcpu() {
    return vcpu;
  }

  @Override
  public int index() {
    return index;
  }

  @Override
  public ExitRecord exit() {
    return exit;
  }

  @Override
  public long state() {
    return state;
  }

  @Override
  public void pull() {
    if (open) {
      finish();
      transfer.pull();
    }
  }

  @Override
  public void push() {
    if (open) {
      finish();
      transfer.push();
    }
  }

  @Override
  public void reset() {
    if (open) {
      finish();
      powerOn.restore();
    }
  }

  /** Completes the instruction whose access the board has served, so that its effects show. */
  private void finish() {
    answer();
    pieces = 0;
    if (awaitingPort) {
      awaitingPort = false;
      RawMemory.putInt(portData(), (int) exit.data);
    }
    if (unfinished) {
      unfinished = false;
      // The second half of an access that runs over a page is lost: it is all ones.
      boolean _ = vcpu.finish();
    }
  }

  // Signals, from any thread.

  @Override
  public void interruptRaised() {
    attendance.ask(Attendance.EXTERNAL);
    wake.run();
  }

  @Override
  public void nmi() {
    apics.command(index, MODE_NMI);
    wake.run();
  }

  @Override
  public void init() {
    apics.command(index, MODE_INIT);
    wake.run();
  }

  @Override
  public void startup(int vector) {
    apics.command(index, MODE_STARTUP | (vector & 0xff));
    wake.run();
  }

  @Override
  public void kick() {
    attendance.ask(Attendance.KICK);
    wake.run();
  }

  @Override
  public void onWake(Runnable action) {
    wake = action;
  }

  @Override
  public boolean runnable() {
    // It waits inside KVM, and never leaves with HALT.
    return true;
  }

  // Running.

  @Override
  public Exit run() {
    if (!attendance.enter()) {
      return failed("the processor is closed");
    }
    try {
      return loop();
    } finally {
      attendance.leave();
    }
  }

  /**
   * Enters the guest until its owner is wanted. What a device of the board takes by one access of a
   * port goes to it from here; all else is an exit.
   */
  private Exit loop() {
    answer();
    external = takesExternal;
    while (true) {
      if (pieces > 0) {
        return nextPiece();
      }
      if ((asked.get() != 0 || external) && wanted()) {
        return Exit.KICK;
      }
      watch.entering();
      int answered = awaitingPort ? 1 : 0;
      awaitingPort = false;
      long left = GuestEntry.enter(file, shared, answered, exit.data);
      int kind = (int) left & 0xff;
      if (kind > GuestEntry.PORT_OUT) {
        Exit why = leftFor(kind, (int) (left >>> GuestEntry.REASON_SHIFT));
        if (why != null) {
          return why;
        }
        continue;
      }
      watch.left(KvmSpec.KVM_EXIT_IO);
      unfinished = true;
      int port = (int) left >>> GuestEntry.PORT_SHIFT;
      int size = (int) left >>> GuestEntry.SIZE_SHIFT & 0xff;
      if (kind == GuestEntry.PORT_OUT) {
        if (!ports.offer(port, size, (int) (left >>> GuestEntry.DATA_SHIFT))) {
          exit.data = left >>> GuestEntry.DATA_SHIFT & -1L >>> 64 - 8 * size;
          return single(Exit.PORT_OUT, port, size);
        }
      } else {
        awaitingPort = true;
        exit.data = ports.ask(port, size);
        if (exit.data < 0) {
          return single(Exit.PORT_IN, port, size);
        }
      }
    }
  }

  /** The exit for one access of a port that no device of the board takes as it is. */
  private Exit single(Exit why, int port, int size) {
    exit.address = port;
    exit.size = size;
    return why;
  }

  /** Does what somebody wants of this processor before its next entry; whether to leave. */
  private boolean wanted() {
    if (attendance.asked(Attendance.KICK)) {
      attendance.taken(Attendance.KICK);
      watch.commit();
      return true;
    }
    // What is asserted from now on asks anew.
    attendance.taken(Attendance.EXTERNAL);
    external = takesExternal && offerExternal();
    return false;
  }

  /** The exit for what is not an access of one port; null to go on. */
  @Nullable Exit leftFor(int kind, int reason) {
    unfinished = false;
    if (kind == GuestEntry.FAILED) {
      watch.left(KvmSpec.KVM_EXIT_INTR);
      if (reason == DeviceFile.EINTR) {
        finishing = false;
        attendance.signalled();
      } else if (reason != DeviceFile.EAGAIN) {
        return failed(ExitStory.refused(vcpu, reason));
      }
      // EAGAIN: a processor that waited for its start-up has got it.
      return null;
    }
    if (kind != GuestEntry.EXIT) {
      watch.left(KvmSpec.KVM_EXIT_IO);
      string();
      return null;
    }
    watch.left(reason);
    switch (reason) {
      case KvmSpec.KVM_EXIT_MMIO -> memoryAccess();
      case KvmSpec.KVM_EXIT_IRQ_WINDOW_OPEN, KvmSpec.KVM_EXIT_INTR -> {
        // The top of the loop offers the interrupt.
      }
      case KvmSpec.KVM_EXIT_IOAPIC_EOI ->
          apics.ended(RawMemory.getByte(shared + KvmRun.Eoi.VECTOR) & 0xff);
      case KvmSpec.KVM_EXIT_X86_RDMSR, KvmSpec.KVM_EXIT_X86_WRMSR -> refuseMsr();
      case KvmSpec.KVM_EXIT_HLT -> {
        return Exit.HALT;
      }
      case KvmSpec.KVM_EXIT_SHUTDOWN -> {
        exit.detail = "processor %d shut down (triple fault)".formatted(index);
        return Exit.SHUTDOWN;
      }
      default -> {
        return failed(ExitStory.tell(vcpu, reason));
      }
    }
    return null;
  }

  private Exit failed(String why) {
    exit.detail = why;
    watch.commit();
    return Exit.INTERNAL_ERROR;
  }

  /**
   * Gives the processor an interrupt of the 8259As, or asks to be told when it can take one;
   * whether to look again at the next entry.
   */
  private boolean offerExternal() {
    boolean window = false;
    if (apics.externalAsserted()) {
      if (RawMemory.getByte(shared + KvmRun.READY_FOR_INTERRUPT_INJECTION) == 0) {
        window = true;
      } else if (unfinished) {
        // First the instruction that it left for is to end: the vector comes behind it.
        finishing = true;
        vcpu.comeBack(true);
      } else {
        int vector = apics.acknowledge();
        if (vector >= 0) {
          transfer.given().give(vector);
        }
        window = apics.externalAsserted();
      }
    }
    RawMemory.putByte(shared + KvmRun.REQUEST_INTERRUPT_WINDOW, (byte) (window ? 1 : 0));
    return window || finishing;
  }

  /** Accesses of one port by a string instruction. */
  private void string() {
    boolean out = RawMemory.getByte(shared + KvmRun.Io.DIRECTION) == (byte) KvmSpec.KVM_EXIT_IO_OUT;
    access = out ? Exit.PORT_OUT : Exit.PORT_IN;
    piece = portData();
    pieceSize = RawMemory.getByte(shared + KvmRun.Io.SIZE);
    pieces = RawMemory.getInt(shared + KvmRun.Io.COUNT);
    addressStep = 0;
    nextAddress = RawMemory.getShort(shared + KvmRun.Io.PORT) & 0xffffL;
    unfinished = true;
  }

  private long portData() {
    return shared + RawMemory.getLong(shared + KvmRun.Io.DATA_OFFSET);
  }

  private void memoryAccess() {
    boolean write = RawMemory.getByte(shared + KvmRun.Mmio.IS_WRITE) != 0;
    access = write ? Exit.MMIO_WRITE : Exit.MMIO_READ;
    piece = shared + KvmRun.Mmio.DATA;
    int length = RawMemory.getInt(shared + KvmRun.Mmio.LEN);
    // What is left of an access across pages may have an odd size: byte by byte.
    boolean whole = Integer.bitCount(length) == 1;
    pieceSize = whole ? length : 1;
    pieces = whole ? 1 : length;
    addressStep = pieceSize;
    nextAddress = RawMemory.getLong(shared + KvmRun.Mmio.PHYS_ADDR);
    unfinished = true;
  }

  /** The next piece of the access, as an exit. */
  private Exit nextPiece() {
    exit.address = nextAddress;
    exit.size = pieceSize;
    if (access == Exit.PORT_IN || access == Exit.MMIO_READ) {
      awaitingAnswer = true;
    } else {
      exit.data = load(piece, pieceSize);
      advance();
    }
    return access;
  }

  private void advance() {
    piece += pieceSize;
    nextAddress += addressStep;
    pieces--;
  }

  /** Takes the board's answer to a read. */
  private void answer() {
    if (awaitingAnswer) {
      awaitingAnswer = false;
      store(piece, pieceSize, exit.data);
      advance();
    }
  }

  private static long load(long at, int size) {
    return switch (size) {
      case 1 -> RawMemory.getByte(at) & 0xffL;
      case 2 -> RawMemory.getShort(at) & 0xffffL;
      case 4 -> RawMemory.getInt(at) & 0xffff_ffffL;
      default -> RawMemory.getLong(at);
    };
  }

  private static void store(long at, int size, long value) {
    switch (size) {
      case 1 -> RawMemory.putByte(at, (byte) value);
      case 2 -> RawMemory.putShort(at, (short) value);
      case 4 -> RawMemory.putInt(at, (int) value);
      default -> RawMemory.putLong(at, value);
    }
  }

  /** Nobody has this register: the guest gets #GP(0), as on the other engines. */
  private void refuseMsr() {
    unknownMsrs++;
    RawMemory.putByte(shared + KvmRun.Msr.ERROR, (byte) 1);
    unfinished = true;
  }

  @Override
  public Map<String, Long> counters() {
    Map<String, Long> counters = new LinkedHashMap<>();
    counters.put("unknown MSR accesses", unknownMsrs);
    watch.count(counters);
    return counters;
  }

  /** The processor's descriptor goes, whatever it is doing; for tests. */
  void closeFile() {
    vcpu.closeFile();
  }

  @Override
  public void close() {
    attendance.close();
    synchronized (this) {
      if (!open) {
        return;
      }
      open = false;
    }
    watch.commit();
    vcpu.close();
    transfer.close();
    powerOn.close();
    HostMemory.installed().release(state, CpuState.ARCHITECTURAL_SIZE);
  }
}
