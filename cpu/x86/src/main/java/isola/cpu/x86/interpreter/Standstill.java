package isola.cpu.x86.interpreter;

import isola.core.memory.RawMemory;
import isola.cpu.x86.cpu.Exclusive;
import isola.cpu.x86.state.Attention;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.List;

/** Makes all processors of a machine stand still between two instructions. Any vCPU thread. */
final class Standstill implements Exclusive {
  private final List<InterpreterVcpu> vcpus = new ArrayList<>();
  private int running;
  private boolean taken;

  /** Adds a processor; none runs yet. */
  synchronized void add(InterpreterVcpu vcpu) {
    vcpus.add(vcpu);
  }

  /** A processor begins to run; waits while others must stand still. */
  synchronized void begin() {
    while (taken) {
      await();
    }
    running++;
  }

  /** A processor stops running. */
  synchronized void end() {
    running--;
    notifyAll();
  }

  /** A running processor stands still as long as it takes. */
  synchronized void pause() {
    end();
    begin();
  }

  @Override
  public synchronized void enter() {
    if (vcpus.size() == 1) {
      return;
    }
    running--;
    notifyAll();
    while (taken) {
      await();
    }
    taken = true;
    for (InterpreterVcpu vcpu : vcpus) {
      RawMemory.getAndOrInt(vcpu.state() + CpuState.ATTENTION, Attention.RENDEZVOUS);
    }
    while (running > 0) {
      await();
    }
  }

  @Override
  public synchronized void leave() {
    if (vcpus.size() == 1) {
      return;
    }
    taken = false;
    running++;
    notifyAll();
  }

  // Every caller loops on its condition.
  @SuppressWarnings("WaitNotInLoop")
  private void await() {
    boolean interrupted = false;
    try {
      wait();
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
