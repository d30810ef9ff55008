package isola.machine.devices.input;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Drives the keyboard controller, keyboard and mouse as an operating system does. */
final class I8042Test {
  private int resets;
  private boolean irq1;
  private boolean irq12;
  private int edges1;
  private final I8042 controller =
      new I8042(
          asserted -> {
            edges1 += asserted && !irq1 ? 1 : 0;
            irq1 = asserted;
          },
          asserted -> irq12 = asserted,
          () -> resets++);

  private int status() {
    return controller.commandPort().in(0, 1) & 0xff;
  }

  private int read() {
    assertThat(status() & 1).as("output buffer full").isEqualTo(1);
    return controller.dataPort().in(0, 1) & 0xff;
  }

  private void command(int value) {
    controller.commandPort().out(0, 1, value);
  }

  private void data(int value) {
    controller.dataPort().out(0, 1, value);
  }

  private void mouse(int value) {
    command(0xd4);
    data(value);
  }

  @Test
  void selfTestAndInterfaceTests() {
    command(0xaa);
    assertThat(status() & 4).isEqualTo(4);
    assertThat(read()).isEqualTo(0x55);
    command(0xab);
    assertThat(read()).isZero();
    command(0xa9);
    assertThat(read()).isZero();
    assertThat(status() & 1).isZero();
  }

  @Test
  void theCommandByte() {
    command(0x60);
    data(0x47);
    command(0x20);
    assertThat(read()).isEqualTo(0x47);
    command(0xad);
    command(0xa7);
    command(0x20);
    assertThat(read()).isEqualTo(0x77);
  }

  @Test
  void keysAreTranslatedToSet1() {
    controller.key(0x1c, true);
    assertThat(irq1).isTrue();
    assertThat(read()).as("A down").isEqualTo(0x1e);
    assertThat(irq1).isFalse();
    controller.key(0x1c, false);
    assertThat(read()).isEqualTo(0x9e);
    controller.key(0x175, true);
    assertThat(read()).isEqualTo(0xe0);
    assertThat(read()).as("cursor up").isEqualTo(0x48);
    controller.key(0x175, false);
    assertThat(read()).isEqualTo(0xe0);
    assertThat(read()).isEqualTo(0xc8);
    assertThat(status() & 1).isZero();
    assertThat(edges1).as("an edge for each byte").isEqualTo(6);
  }

  @Test
  void keysUntranslated() {
    command(0x60);
    data(0x05);
    controller.key(0x1c, false);
    assertThat(read()).isEqualTo(0xf0);
    assertThat(read()).isEqualTo(0x1c);
  }

  @Test
  void keyboardCommands() {
    data(0xff);
    assertThat(read()).isEqualTo(0xfa);
    assertThat(read()).isEqualTo(0xaa);
    data(0xf2);
    assertThat(read()).isEqualTo(0xfa);
    assertThat(read()).isEqualTo(0xab);
    assertThat(read()).as("0x83 translated").isEqualTo(0x41);
    data(0xed);
    assertThat(read()).isEqualTo(0xfa);
    data(0x05);
    assertThat(read()).isEqualTo(0xfa);
    assertThat(controller.leds()).isEqualTo(5);
    data(0xf5);
    assertThat(read()).isEqualTo(0xfa);
    controller.key(0x1c, true);
    assertThat(status() & 1).as("scanning is off").isZero();
    data(0xee);
    assertThat(read()).isEqualTo(0xee);
    data(0x99);
    assertThat(read()).isEqualTo(0xfe);
  }

  @Test
  void theMouseReportsMovement() {
    mouse(0xff);
    assertThat(status() & 0x20).isEqualTo(0x20);
    assertThat(irq12).isTrue();
    assertThat(read()).isEqualTo(0xfa);
    assertThat(read()).isEqualTo(0xaa);
    assertThat(read()).isZero();
    controller.move(5, 5, 0, 0);
    assertThat(status() & 1).as("not before it is enabled").isZero();
    mouse(0xf4);
    assertThat(read()).isEqualTo(0xfa);
    controller.move(3, -4, 0, 1);
    controller.move(2, 1, 0, 1);
    assertThat(read()).isEqualTo(0x29);
    assertThat(read()).isEqualTo(3);
    assertThat(read()).isEqualTo(0xfc);
    assertThat(read()).isEqualTo(0x09);
    assertThat(read()).isEqualTo(2);
    assertThat(read()).isEqualTo(1);
  }

  @Test
  void theWheelIsFoundByTheKnock() {
    for (int rate : new int[] {200, 100, 80}) {
      mouse(0xf3);
      assertThat(read()).isEqualTo(0xfa);
      mouse(rate);
      assertThat(read()).isEqualTo(0xfa);
    }
    mouse(0xf2);
    assertThat(read()).isEqualTo(0xfa);
    assertThat(read()).isEqualTo(3);
    mouse(0xf4);
    assertThat(read()).isEqualTo(0xfa);
    controller.move(0, 0, -1, 0);
    assertThat(read()).isEqualTo(8);
    assertThat(read()).isZero();
    assertThat(read()).isZero();
    assertThat(read()).isEqualTo(0xff);
  }

  @Test
  void aFloodOfInputIsBoundedAndLeavesRoomForAnswers() {
    for (int i = 0; i < 10_000; i++) {
      controller.key(0x1c, true);
    }
    data(0xf2);
    int last = 0;
    int bytes = 0;
    while ((status() & 1) != 0) {
      last = read();
      bytes++;
    }
    assertThat(bytes).isLessThan(80);
    assertThat(last).as("the answer is not lost").isEqualTo(0x41);
  }

  @Test
  void resetPulsesAndTheOutputPort() {
    command(0xfe);
    assertThat(resets).isEqualTo(1);
    command(0xff);
    assertThat(resets).isEqualTo(1);
    command(0xd1);
    data(0xdf);
    command(0xd0);
    assertThat(read()).isEqualTo(0xdf);
    command(0xd1);
    data(0xdc);
    assertThat(resets).isEqualTo(2);
  }

  @Test
  void echoesLookLikeTheDevices() {
    command(0xd3);
    data(0x5a);
    assertThat(status() & 0x21).as("how Linux finds the mouse port").isEqualTo(0x21);
    assertThat(irq12).isTrue();
    assertThat(read()).isEqualTo(0x5a);
  }

  @Test
  void stateSurvives() {
    controller.key(0x1c, true);
    controller.key(0x1c, false);
    I8042.State saved = controller.save();
    controller.reset();
    assertThat(status() & 1).isZero();
    controller.restore(saved);
    assertThat(read()).isEqualTo(0x1e);
    assertThat(read()).isEqualTo(0x9e);
  }
}
