package isola.machine.devices.interrupt;

import isola.core.cpu.EngineApics;
import isola.core.irq.MessageInterrupts;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What joins the local APICs, the I/O APIC and the devices that send messages: finds the
 * destinations of an interrupt message (Intel SDM vol. 3A 10.6.2) and tells the I/O APIC of the end
 * of level-triggered interrupts. Any thread; takes no lock.
 */
public final class ApicBus implements MessageInterrupts {
  /** The destination that is every processor, for senders with 8-bit destinations. */
  static final int BROADCAST_8 = 0xff;

  /** The same for 32-bit destinations. */
  static final int BROADCAST_32 = -1;

  private static final LocalApic[] NONE = {};

  // Wiring, complete before the first vCPU runs.
  private volatile LocalApic[] apics = NONE;
  private volatile @Nullable IoApic ioApic;
  private volatile @Nullable EngineApics inside;

  // Volatile, but of no account: where the search for the lowest priority begins.
  private final AtomicInteger turn = new AtomicInteger();

  /** A bus with nothing on it. */
  public ApicBus() {}

  synchronized void add(LocalApic apic) {
    LocalApic[] more = new LocalApic[apics.length + 1];
    System.arraycopy(apics, 0, more, 0, apics.length);
    more[apics.length] = apic;
    apics = more;
  }

  void add(IoApic io) {
    ioApic = io;
  }

  /**
   * From now on the local APICs are those inside the engine: messages go there, and the ones on
   * this bus hear of nothing. Before the first vCPU runs.
   */
  public void inside(EngineApics engine) {
    inside = engine;
    engine.onEndOfInterrupt(this::endOfInterrupt);
  }

  /**
   * An input of the I/O APIC is now as its redirection entry says. Only what is level-triggered
   * matters, and that also while it is masked: an interrupt of it may be under way.
   */
  void route(int input, long entry) {
    EngineApics engine = inside;
    if (engine == null) {
      return;
    }
    boolean level = (entry & ApicSpec.IO_LEVEL) != 0;
    engine.route(
        input,
        level ? messageAddress((int) (entry >>> 56), (entry & ApicSpec.IO_LOGICAL) != 0) : 0,
        messageData((int) (entry >> 8) & 7, (int) entry & 0xff, true));
  }

  private static long messageAddress(int destination, boolean logical) {
    return ApicSpec.MESSAGE_PREFIX << 20
        | (long) (destination & 0xff) << 12
        | (logical ? ApicSpec.MESSAGE_LOGICAL : 0);
  }

  private static int messageData(int mode, int vector, boolean level) {
    return vector | mode << 8 | ApicSpec.ICR_ASSERT | (level ? ApicSpec.ICR_LEVEL : 0);
  }

  @Override
  public void send(long address, int data) {
    // 10.11.1: bits 31:20 are 0xfee; the upper half must be zero.
    if (address >>> 20 != ApicSpec.MESSAGE_PREFIX) {
      return;
    }
    deliver(
        (int) (address >> 12) & 0xff,
        BROADCAST_8,
        (address & ApicSpec.MESSAGE_LOGICAL) != 0,
        data >> 8 & 7,
        data & 0xff,
        (data & ApicSpec.ICR_LEVEL) != 0);
  }

  /**
   * Delivers a message to all its destinations.
   *
   * @param broadcast the destination that means all
   */
  void deliver(
      int destination, int broadcast, boolean logical, int mode, int vector, boolean level) {
    EngineApics engine = inside;
    if (engine != null) {
      engine.send(messageAddress(destination, logical), messageData(mode, vector, level));
      return;
    }
    LocalApic[] all = apics;
    if (mode == ApicSpec.LOWEST_PRIORITY) {
      LocalApic chosen = lowest(all, destination, broadcast, logical);
      if (chosen != null) {
        chosen.accept(ApicSpec.FIXED, vector, level);
      }
      return;
    }
    for (LocalApic apic : all) {
      if (destination == broadcast || apic.matches(destination, logical)) {
        apic.accept(mode, vector, level);
      }
    }
  }

  /** Of the destinations that can accept, one of lowest task priority (10.6.2.4), by turns. */
  private @Nullable LocalApic lowest(
      LocalApic[] all, int destination, int broadcast, boolean logical) {
    LocalApic chosen = null;
    int start = turn.getAndIncrement();
    for (int i = 0; i < all.length; i++) {
      LocalApic apic = all[Integer.remainderUnsigned(start + i, all.length)];
      if (apic.enabled()
          && (destination == broadcast || apic.matches(destination, logical))
          && (chosen == null || apic.priority() < chosen.priority())) {
        chosen = apic;
      }
    }
    return chosen;
  }

  /** A message to all, or to all but {@code sender}. */
  private void deliverToAll(@Nullable LocalApic sender, int mode, int vector, boolean level) {
    for (LocalApic apic : apics) {
      if (apic != sender) {
        apic.accept(mode, vector, level);
      }
    }
  }

  /**
   * Sends what an interrupt command register says (10.6.1), a sensible vector given.
   *
   * @param wide whether the destination has 32 bits, as in x2APIC mode
   */
  void command(LocalApic sender, long command, boolean wide) {
    int low = (int) command;
    int mode = low >> 8 & 7;
    int vector = low & 0xff;
    boolean deassert = (low & (ApicSpec.ICR_LEVEL | ApicSpec.ICR_ASSERT)) == ApicSpec.ICR_LEVEL;
    if (mode == ApicSpec.EXTINT || (mode == ApicSpec.INIT && deassert)) {
      // INIT level de-assert only set the arbitration ids of old processors.
      return;
    }
    // Table 10-3: whatever the trigger mode bit says, an IPI is an edge.
    switch (low & ApicSpec.ICR_SHORTHAND) {
      case ApicSpec.ICR_SELF -> sender.accept(mode, vector, false);
      case ApicSpec.ICR_ALL -> deliverToAll(null, mode, vector, false);
      case ApicSpec.ICR_OTHERS -> deliverToAll(sender, mode, vector, false);
      default ->
          deliver(
              (int) (command >>> (wide ? 32 : 56)),
              wide ? BROADCAST_32 : BROADCAST_8,
              (low & ApicSpec.ICR_LOGICAL) != 0,
              mode,
              vector,
              false);
    }
  }

  /** The local APIC with an initial id, or null. */
  @Nullable LocalApic find(int number) {
    LocalApic[] all = apics;
    return number >= 0 && number < all.length ? all[number] : null;
  }

  /** End of a level-triggered interrupt, 10.8.5. */
  void endOfInterrupt(int vector) {
    IoApic io = ioApic;
    if (io != null) {
      io.endOfInterrupt(vector);
    }
  }
}
