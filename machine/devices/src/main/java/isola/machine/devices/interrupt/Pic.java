package isola.machine.devices.interrupt;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;

/**
 * The PC's pair of 8259A interrupt controllers, the slave on the master's input 2, with the
 * edge/level control registers that PCI chipsets added. Any thread.
 */
public final class Pic implements Stateful<Pic.State> {
  /** Volatile state of both chips. */
  public record State(PicChip.State master, PicChip.State slave) {}

  private static final int INPUTS = 16;

  // Wiring.
  private final InterruptLine output;
  private final PortDevice masterPorts = new Ports(0);
  private final PortDevice slavePorts = new Ports(1);
  private final PortDevice elcrPorts = new Elcr();

  // Volatile state.
  private final PicChip master = new PicChip(true);
  private final PicChip slave = new PicChip(false);

  /**
   * A pair as after power-on.
   *
   * @param output INTR of the master: the bootstrap processor's LINT0
   */
  public Pic(InterruptLine output) {
    this.output = output;
  }

  /** Two ports from 0x20. */
  public PortDevice masterPorts() {
    return masterPorts;
  }

  /** Two ports from 0xa0. */
  public PortDevice slavePorts() {
    return slavePorts;
  }

  /** Two ports from 0x4d0. */
  public PortDevice elcrPorts() {
    return elcrPorts;
  }

  /**
   * The wire of an input.
   *
   * @param irq 0 to 15, without 2, which the slave drives
   */
  public InterruptLine input(int irq) {
    if (irq < 0 || irq >= INPUTS || irq == PicSpec.CASCADE) {
      throw new IllegalArgumentException("the interrupt controllers have no input " + irq);
    }
    return asserted -> set(irq, asserted);
  }

  private synchronized void set(int irq, boolean asserted) {
    chip(irq >> 3).input(irq & 7, asserted);
    update();
  }

  private PicChip chip(int number) {
    return number == 0 ? master : slave;
  }

  private void update() {
    master.input(PicSpec.CASCADE, slave.highest() >= 0);
    output.set(master.highest() >= 0);
  }

  /**
   * The processor's interrupt acknowledge: the vector, 0 to 255. If the request went away it is
   * that of input 7 of the chip that answers, with nothing in service.
   */
  public synchronized int acknowledge() {
    int input = master.highest();
    int vector;
    if (input == PicSpec.CASCADE) {
      master.acknowledge(input);
      vector = slave.vector(slave.acknowledge(slave.highest()));
    } else {
      vector = master.vector(master.acknowledge(input));
    }
    // The slave's output falls with each acknowledge, so that a further request is a new edge.
    master.input(PicSpec.CASCADE, false);
    update();
    return vector;
  }

  private synchronized int read(int chip, int offset) {
    int value = offset == 0 ? chip(chip).readCommand() : chip(chip).readData();
    update();
    return value;
  }

  private synchronized void write(int chip, int offset, int value) {
    if (offset == 0) {
      chip(chip).writeCommand(value);
    } else {
      chip(chip).writeData(value);
    }
    update();
  }

  @Override
  public synchronized void reset() {
    master.reset();
    slave.reset();
    update();
  }

  @Override
  public synchronized State save() {
    return new State(master.save(), slave.save());
  }

  @Override
  public synchronized void restore(State state) {
    master.restore(state.master);
    slave.restore(state.slave);
    update();
  }

  private final class Ports implements PortDevice {
    private final int chip;

    Ports(int chip) {
      this.chip = chip;
    }

    @Override
    public int in(int offset, int size) {
      int value = read(chip, offset & 1);
      return size == 1 ? value : value | read(chip, 1) << 8 | 0xffff_0000;
    }

    @Override
    public void out(int offset, int size, int value) {
      write(chip, offset & 1, value & 0xff);
      if (size > 1) {
        write(chip, 1, value >>> 8 & 0xff);
      }
    }
  }

  private final class Elcr implements PortDevice {
    @Override
    public int in(int offset, int size) {
      synchronized (Pic.this) {
        return (master.elcr() | slave.elcr() << 8) >>> (offset * 8) & (size == 1 ? 0xff : 0xffff);
      }
    }

    @Override
    public void out(int offset, int size, int value) {
      synchronized (Pic.this) {
        for (int i = 0; i < size && offset + i < 2; i++) {
          chip(offset + i).elcr(value >>> (i * 8) & 0xff);
        }
        update();
      }
    }
  }
}
