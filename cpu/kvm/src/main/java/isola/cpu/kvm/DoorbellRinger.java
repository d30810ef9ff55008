package isola.cpu.kvm;

import isola.core.bus.Doorbells;
import isola.core.bus.MmioBus;
import isola.core.bus.MmioDevice;
import isola.core.bus.MmioObserver;
import isola.host.EventSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Lets a guest's writes of doorbells end in the kernel: they count up event descriptors, and one
 * thread passes them to the devices. Where KVM refuses one, the write leaves as any other does.
 */
final class DoorbellRinger implements MmioObserver, AutoCloseable {
  private record Bell(long address, MmioDevice device, long offset, int event) {}

  private final KvmVm vm;
  private final MmioBus bus;
  private final int length;
  private final EventSet events = new EventSet();
  private final Map<Integer, Bell> bells = new ConcurrentHashMap<>();
  private final Thread thread;

  /**
   * Begins to watch a bus.
   *
   * @param length of an access that rings, in bytes; 0 for any
   */
  DoorbellRinger(KvmVm vm, MmioBus bus, int length) {
    this.vm = vm;
    this.bus = bus;
    this.length = length;
    thread = Thread.ofPlatform().daemon().name("kvm doorbells").unstarted(this::ring);
    thread.start();
    bus.observe(this);
  }

  private void ring() {
    events.listen(
        event -> {
          Bell bell = bells.get(event);
          if (bell != null) {
            bell.device.write(bell.offset, 4, 0);
          }
        });
  }

  @Override
  public void attached(long base, MmioDevice device) {
    Doorbells there = device.doorbells();
    for (int i = 0; i < there.count(); i++) {
      long offset = there.first() + (long) i * there.stride();
      int event = events.add();
      bells.put(event, new Bell(base + offset, device, offset, event));
      if (!vm.doorbell(base + offset, length, event, true)) {
        bells.remove(event);
        events.remove(event);
      }
    }
  }

  @Override
  public void detached(long base, MmioDevice device) {
    for (Bell bell : List.copyOf(bells.values())) {
      if (bell.device == device && bell.address == base + bell.offset) {
        remove(bell);
      }
    }
  }

  private void remove(Bell bell) {
    boolean _ = vm.doorbell(bell.address, length, bell.event, false);
    bells.remove(bell.event);
    events.remove(bell.event);
    // A ring that nobody has heard yet must not get lost.
    bell.device.write(bell.offset, 4, 0);
  }

  /** No device is rung after this. */
  @Override
  public void close() {
    bus.forget(this);
    events.end();
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    for (Bell bell : new ArrayList<>(bells.values())) {
      boolean _ = vm.doorbell(bell.address, length, bell.event, false);
      events.remove(bell.event);
    }
    bells.clear();
    events.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
