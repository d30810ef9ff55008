package isola.machine.devices.input;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import java.util.Arrays;

/**
 * The 8042 keyboard controller with a keyboard and a wheel mouse: data port 0x60, command port
 * 0x64. A20 is stored; the machine never masks that address line. Any thread.
 */
public final class I8042 implements Stateful<I8042.State> {
  /**
   * Volatile state.
   *
   * @param registers command byte, pending command, output port, output buffer and its source
   * @param ram the controller's 32 bytes
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record State(
      int[] registers,
      byte[] ram,
      int[] keyboard,
      byte[] keyboardQueue,
      int[] mouse,
      byte[] mouseQueue) {}

  /** Where the byte in the output buffer comes from. */
  private static final int EMPTY = 0;

  private static final int FROM_CONTROLLER = 1;
  private static final int FROM_KEYBOARD = 2;
  private static final int FROM_MOUSE = 3;
  private static final int RAM_BYTES = 32;

  // Wiring.
  private final InterruptLine keyboardLine;
  private final InterruptLine mouseLine;
  private final Runnable reset;
  private final PortDevice dataPort = new DataPort();
  private final PortDevice commandPort = new CommandPort();

  // Volatile state.
  private final Keyboard keyboard = new Keyboard();
  private final Mouse mouse = new Mouse();
  private final byte[] ram = new byte[RAM_BYTES];
  private int command;
  private boolean lastWasCommand;
  private int outputPort;
  private int buffer;
  private int source;

  /** Set 2's prefix of a released key was seen by the translation. */
  private boolean broken;

  /**
   * A controller as firmware leaves it: both devices on, interrupts on, translation on.
   *
   * @param reset run, on the vCPU's thread, to reset the machine; must not block
   */
  public I8042(InterruptLine keyboardLine, InterruptLine mouseLine, Runnable reset) {
    this.keyboardLine = keyboardLine;
    this.mouseLine = mouseLine;
    this.reset = reset;
    reset();
  }

  /** Port 0x60, one port. */
  public PortDevice dataPort() {
    return dataPort;
  }

  /** Port 0x64, one port. */
  public PortDevice commandPort() {
    return commandPort;
  }

  /**
   * A key of the keyboard goes down or up. Dropped while the guest does not read.
   *
   * @param code the key's code in scan code set 2; with 0x100 added if 0xe0 comes before it
   */
  public synchronized void key(int code, boolean down) {
    if (code >= 0 && code < Keyboard.KEYS) {
      keyboard.key(code, down);
      update();
    }
  }

  /**
   * The mouse moves. Movement that the guest does not read in time is added up.
   *
   * @param right counts to the right
   * @param up counts away from the user
   * @param wheel wheel clicks towards the user
   * @param buttons bit 0 left, bit 1 right, bit 2 middle
   */
  public synchronized void move(int right, int up, int wheel, int buttons) {
    mouse.move(right, up, wheel, buttons);
    update();
  }

  /** The keyboard's lights: bit 0 scroll lock, bit 1 number lock, bit 2 capitals lock. */
  public synchronized int leds() {
    return keyboard.leds();
  }

  private int commandByte() {
    return ram[0] & 0xff;
  }

  /** Moves a waiting byte into the free output buffer, and drives the lines. */
  private void update() {
    if (source == EMPTY) {
      mouse.report();
      if (!keyboard.queue.isEmpty() && (commandByte() & I8042Spec.KEYBOARD_DISABLED) == 0) {
        fromKeyboard();
      } else if (!mouse.queue.isEmpty() && (commandByte() & I8042Spec.MOUSE_DISABLED) == 0) {
        source = FROM_MOUSE;
        buffer = mouse.queue.take();
      }
    }
    boolean fromMouse = source == FROM_MOUSE;
    boolean fromOthers = source != EMPTY && !fromMouse;
    keyboardLine.set(fromOthers && (commandByte() & I8042Spec.KEYBOARD_INTERRUPT) != 0);
    mouseLine.set(fromMouse && (commandByte() & I8042Spec.MOUSE_INTERRUPT) != 0);
  }

  private void fromKeyboard() {
    int code = keyboard.queue.take();
    if ((commandByte() & I8042Spec.TRANSLATE) != 0) {
      if (code == I8042Spec.BREAK) {
        broken = true;
        if (keyboard.queue.isEmpty()) {
          return;
        }
        code = keyboard.queue.take();
      }
      code = ScanCodes.translate(code) | (broken ? 0x80 : 0);
      broken = false;
    }
    source = FROM_KEYBOARD;
    buffer = code;
  }

  private void answer(int value) {
    source = FROM_CONTROLLER;
    buffer = value;
  }

  private synchronized int readData() {
    int value = buffer;
    if (source != EMPTY) {
      source = EMPTY;
      // The request falls between two bytes, so that each is an edge.
      keyboardLine.set(false);
      mouseLine.set(false);
      update();
    }
    return value;
  }

  private synchronized int status() {
    return (source != EMPTY ? I8042Spec.STATUS_OUTPUT_FULL : 0)
        | (source == FROM_MOUSE ? I8042Spec.STATUS_MOUSE : 0)
        | ((commandByte() & I8042Spec.SYSTEM) != 0 ? I8042Spec.STATUS_SYSTEM : 0)
        | (lastWasCommand ? I8042Spec.STATUS_COMMAND : 0)
        | I8042Spec.STATUS_UNLOCKED;
  }

  /** Writes the data port; returns whether that asks for a reset. */
  private synchronized boolean writeData(int value) {
    lastWasCommand = false;
    int pending = command;
    command = 0;
    boolean resets = false;
    switch (pending) {
      case 0 -> {
        // A byte for the keyboard switches its interface on.
        ram[0] &= (byte) ~I8042Spec.KEYBOARD_DISABLED;
        keyboard.write(value);
      }
      case I8042Spec.WRITE_OUTPUT_PORT -> {
        outputPort = value;
        resets = (value & I8042Spec.OUTPUT_NOT_RESET) == 0;
      }
      case I8042Spec.ECHO_KEYBOARD -> {
        source = FROM_KEYBOARD;
        buffer = value;
      }
      case I8042Spec.ECHO_MOUSE -> {
        source = FROM_MOUSE;
        buffer = value;
      }
      case I8042Spec.WRITE_MOUSE -> {
        ram[0] &= (byte) ~I8042Spec.MOUSE_DISABLED;
        mouse.write(value);
      }
      default -> ram[pending & RAM_BYTES - 1] = (byte) value;
    }
    update();
    return resets;
  }

  /** Writes the command port; returns whether that asks for a reset. */
  private synchronized boolean writeCommand(int value) {
    lastWasCommand = true;
    command = 0;
    boolean resets = false;
    switch (value) {
      case I8042Spec.DISABLE_MOUSE -> ram[0] |= I8042Spec.MOUSE_DISABLED;
      case I8042Spec.ENABLE_MOUSE -> ram[0] &= (byte) ~I8042Spec.MOUSE_DISABLED;
      case I8042Spec.TEST_MOUSE, I8042Spec.TEST_KEYBOARD -> answer(I8042Spec.INTERFACE_PASSED);
      case I8042Spec.SELF_TEST -> {
        ram[0] |= I8042Spec.SYSTEM;
        answer(I8042Spec.SELF_TEST_PASSED);
      }
      case I8042Spec.DISABLE_KEYBOARD -> ram[0] |= I8042Spec.KEYBOARD_DISABLED;
      case I8042Spec.ENABLE_KEYBOARD -> ram[0] &= (byte) ~I8042Spec.KEYBOARD_DISABLED;
      case I8042Spec.READ_INPUT_PORT -> answer(I8042Spec.INPUT_PORT);
      case I8042Spec.READ_OUTPUT_PORT -> answer(outputPort);
      case I8042Spec.WRITE_OUTPUT_PORT,
          I8042Spec.ECHO_KEYBOARD,
          I8042Spec.ECHO_MOUSE,
          I8042Spec.WRITE_MOUSE ->
          command = value;
      case I8042Spec.DISABLE_A20 -> outputPort &= ~I8042Spec.OUTPUT_A20;
      case I8042Spec.ENABLE_A20 -> outputPort |= I8042Spec.OUTPUT_A20;
      default -> {
        if (value >= I8042Spec.READ_RAM && value < I8042Spec.WRITE_RAM) {
          answer(ram[value & RAM_BYTES - 1] & 0xff);
        } else if (value >= I8042Spec.WRITE_RAM && value < I8042Spec.RAM_END) {
          command = value;
        } else if (value >= I8042Spec.PULSE) {
          // Low bits that are zero are pulsed low; bit 0 is the processor's reset.
          resets = (value & I8042Spec.OUTPUT_NOT_RESET) == 0;
        }
      }
    }
    update();
    return resets;
  }

  @Override
  public synchronized void reset() {
    keyboard.reset();
    mouse.reset();
    Arrays.fill(ram, (byte) 0);
    ram[0] =
        I8042Spec.KEYBOARD_INTERRUPT
            | I8042Spec.MOUSE_INTERRUPT
            | I8042Spec.SYSTEM
            | I8042Spec.TRANSLATE;
    command = 0;
    lastWasCommand = false;
    outputPort = I8042Spec.OUTPUT_NOT_RESET | I8042Spec.OUTPUT_A20;
    source = EMPTY;
    buffer = 0;
    broken = false;
    update();
  }

  @Override
  public synchronized State save() {
    int[] registers = {command, lastWasCommand ? 1 : 0, outputPort, buffer, source, broken ? 1 : 0};
    return new State(
        registers,
        ram.clone(),
        keyboard.save(),
        keyboard.queue.save(),
        mouse.save(),
        mouse.queue.save());
  }

  @Override
  public synchronized void restore(State state) {
    if (state.registers.length != 6
        || state.ram.length != RAM_BYTES
        || state.keyboard.length != 3
        || state.mouse.length != 10) {
      throw new IllegalArgumentException("the saved state is not an 8042's");
    }
    command = state.registers[0] & 0xff;
    lastWasCommand = state.registers[1] != 0;
    outputPort = state.registers[2] & 0xff;
    buffer = state.registers[3] & 0xff;
    source = state.registers[4] & 3;
    broken = state.registers[5] != 0;
    System.arraycopy(state.ram, 0, ram, 0, RAM_BYTES);
    keyboard.restore(state.keyboard);
    keyboard.queue.restore(state.keyboardQueue);
    mouse.restore(state.mouse);
    mouse.queue.restore(state.mouseQueue);
    update();
  }

  private void perform(boolean resets) {
    if (resets) {
      reset.run();
    }
  }

  private final class DataPort implements PortDevice {
    @Override
    public int in(int offset, int size) {
      return readData() | 0xffff_ff00;
    }

    @Override
    public void out(int offset, int size, int value) {
      perform(writeData(value & 0xff));
    }
  }

  private final class CommandPort implements PortDevice {
    @Override
    public int in(int offset, int size) {
      return status() | 0xffff_ff00;
    }

    @Override
    public void out(int offset, int size, int value) {
      perform(writeCommand(value & 0xff));
    }
  }
}
