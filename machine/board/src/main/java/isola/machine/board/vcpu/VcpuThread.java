package isola.machine.board.vcpu;

import isola.core.bus.MmioBus;
import isola.core.bus.PortBus;
import isola.core.cpu.Exit;
import isola.core.cpu.ExitRecord;
import isola.core.cpu.Vcpu;
import java.util.concurrent.locks.LockSupport;

/** The thread of one vCPU, and the loop that handles its exits. */
@SuppressWarnings("EnumOrdinal") // Exits are counted by it on the hot path; nothing is stored.
final class VcpuThread implements Runnable {
  /** What the others want of this thread. */
  enum Request {
    RUN,
    PAUSE,
    STOP
  }

  private static final Exit[] EXITS = Exit.values();

  final Vcpu vcpu;
  private final PortBus ports;
  private final MmioBus mmio;
  private final Vcpus group;
  private final Vcpus.Listener listener;
  private final Thread thread;
  private final long[] exits = new long[EXITS.length];
  private volatile Request request = Request.RUN;

  VcpuThread(String name, Vcpu vcpu, PortBus ports, MmioBus mmio, Vcpus group) {
    this.vcpu = vcpu;
    this.ports = ports;
    this.mmio = mmio;
    this.group = group;
    this.listener = group.listener();
    thread = Thread.ofPlatform().daemon().name(name).unstarted(this);
    // A permit that comes early makes the next park return at once, so no wake-up is lost.
    vcpu.onWake(() -> LockSupport.unpark(thread));
  }

  Thread thread() {
    return thread;
  }

  /** How often the processor left for this reason; approximate. */
  long exits(Exit exit) {
    return exits[exit.ordinal()];
  }

  void ask(Request newRequest) {
    request = newRequest;
    if (newRequest != Request.RUN) {
      vcpu.kick();
    }
    LockSupport.unpark(thread);
  }

  Request request() {
    return request;
  }

  @Override
  public void run() {
    try {
      loop();
    } catch (Throwable e) {
      // Whatever it is, it ends this machine alone. The stack may be at its end, the heap too:
      // first tell, then explain.
      group.failing(vcpu.index(), e);
    } finally {
      group.ended();
    }
  }

  private void loop() {
    ExitRecord exit = vcpu.exit();
    while (true) {
      if (request != Request.RUN && !group.obey(this)) {
        return;
      }
      Exit reason = vcpu.run();
      exits[reason.ordinal()]++;
      switch (reason) {
        case PORT_IN -> exit.data = ports.in((int) exit.address, exit.size) & 0xffff_ffffL;
        case PORT_OUT -> ports.out((int) exit.address, exit.size, (int) exit.data);
        case MMIO_READ -> exit.data = mmio.read(exit.address, exit.size);
        case MMIO_WRITE -> mmio.write(exit.address, exit.size, exit.data);
        case HALT -> idle();
        case KICK, INTERRUPT_WINDOW -> {
          // The top of the loop looks what is wanted.
        }
        case SHUTDOWN -> {
          listener.shutdown(vcpu.index(), exit.detail);
          return;
        }
        case INTERNAL_ERROR -> {
          listener.failed(vcpu.index(), exit.detail);
          return;
        }
        case SYSTEM_CALL, FAULT, DEBUG -> {
          listener.failed(
              vcpu.index(), "the engine left with " + reason + ", which no machine has");
          return;
        }
      }
    }
  }

  /** Sleeps until the processor has something to do or the others want something. */
  private void idle() {
    while (request == Request.RUN && !vcpu.runnable()) {
      LockSupport.park(this);
    }
  }
}
