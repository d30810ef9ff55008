package isola.machine.devices.interrupt;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Drives the 8259A pair as an operating system does (Intel 231468). */
final class PicTest {
  private static final int ICW4_X86 = 1;

  private boolean intr;
  private final Pic pic = new Pic(asserted -> intr = asserted);

  @BeforeEach
  void initialize() {
    initialize(ICW4_X86);
  }

  private void initialize(int icw4) {
    command(0, 0x11);
    data(0, 0x20);
    data(0, 0x04);
    data(0, icw4);
    command(1, 0x11);
    data(1, 0x28);
    data(1, 0x02);
    data(1, icw4);
    data(0, 0);
    data(1, 0);
  }

  private void command(int chip, int value) {
    (chip == 0 ? pic.masterPorts() : pic.slavePorts()).out(0, 1, value);
  }

  private void data(int chip, int value) {
    (chip == 0 ? pic.masterPorts() : pic.slavePorts()).out(1, 1, value);
  }

  private int isr(int chip) {
    command(chip, 0x0b);
    return (chip == 0 ? pic.masterPorts() : pic.slavePorts()).in(0, 1) & 0xff;
  }

  private int irr(int chip) {
    command(chip, 0x0a);
    return (chip == 0 ? pic.masterPorts() : pic.slavePorts()).in(0, 1) & 0xff;
  }

  private void endOfInterrupt(int chip) {
    command(chip, 0x20);
  }

  @Test
  void anEdgeInterruptsOnceUntilItsEnd() {
    pic.input(1).set(true);
    assertThat(intr).isTrue();
    assertThat(pic.acknowledge()).isEqualTo(0x21);
    assertThat(intr).isFalse();
    assertThat(isr(0)).isEqualTo(0x02);
    endOfInterrupt(0);
    assertThat(isr(0)).isZero();
    assertThat(intr).as("the wire is still high, but that is no new edge").isFalse();
    pic.input(1).set(false);
    pic.input(1).set(true);
    assertThat(intr).isTrue();
  }

  @Test
  void theSlaveComesThroughInputTwo() {
    pic.input(12).pulse();
    assertThat(intr).isTrue();
    assertThat(pic.acknowledge()).isEqualTo(0x2c);
    assertThat(isr(0)).isEqualTo(0x04);
    assertThat(isr(1)).isEqualTo(0x10);
    pic.input(8).pulse();
    assertThat(intr).as("not before the master's end of interrupt").isFalse();
    endOfInterrupt(1);
    endOfInterrupt(0);
    assertThat(pic.acknowledge()).isEqualTo(0x28);
  }

  @Test
  void lowerNumbersInterruptHigherOnes() {
    pic.input(5).pulse();
    assertThat(pic.acknowledge()).isEqualTo(0x25);
    pic.input(6).pulse();
    assertThat(intr).isFalse();
    pic.input(0).pulse();
    assertThat(pic.acknowledge()).isEqualTo(0x20);
    assertThat(isr(0)).isEqualTo(0x21);
    endOfInterrupt(0);
    assertThat(isr(0)).as("a plain EOI ends the highest").isEqualTo(0x20);
    command(0, 0x65);
    assertThat(isr(0)).as("a specific one what it names").isZero();
    assertThat(pic.acknowledge()).isEqualTo(0x26);
  }

  @Test
  void maskedRequestsWait() {
    data(0, 0x08);
    pic.input(3).set(true);
    assertThat(intr).isFalse();
    assertThat(irr(0)).isEqualTo(0x08);
    data(0, 0);
    assertThat(intr).isTrue();
  }

  @Test
  void aRequestThatGoesAwayIsSpuriousSeven() {
    pic.elcrPorts().out(0, 2, 1 << 5 | 1 << 11);
    pic.input(5).set(true);
    pic.input(5).set(false);
    assertThat(intr).isFalse();
    pic.input(5).set(true);
    data(0, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x27);
    assertThat(isr(0)).as("nothing is in service").isZero();
  }

  @Test
  void aLevelInterruptsAgainWhileItLasts() {
    pic.elcrPorts().out(1, 1, 1 << 3);
    assertThat(pic.elcrPorts().in(0, 2) & 0xffff).isEqualTo(0x0800);
    pic.input(11).set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x2b);
    endOfInterrupt(1);
    endOfInterrupt(0);
    assertThat(intr).isTrue();
    pic.input(11).set(false);
    assertThat(intr).isFalse();
  }

  @Test
  void elcrLeavesTheTimerAndTheCascadeAlone() {
    pic.elcrPorts().out(0, 2, 0xffff);
    assertThat(pic.elcrPorts().in(0, 2) & 0xffff).isEqualTo(0xdef8);
  }

  @Test
  void automaticEndOfInterruptLeavesNothingInService() {
    initialize(ICW4_X86 | 2);
    pic.input(4).pulse();
    assertThat(pic.acknowledge()).isEqualTo(0x24);
    assertThat(isr(0)).isZero();
  }

  @Test
  void rotationMakesTheServedOneLast() {
    pic.input(3).pulse();
    pic.acknowledge();
    command(0, 0xa0);
    pic.input(3).pulse();
    pic.input(4).pulse();
    assertThat(pic.acknowledge()).isEqualTo(0x24);
  }

  @Test
  void specialMaskModeLetsLowerOnesIn() {
    pic.input(1).pulse();
    pic.acknowledge();
    data(0, 0x02);
    pic.input(6).pulse();
    assertThat(intr).isFalse();
    command(0, 0x68);
    assertThat(intr).isTrue();
    assertThat(pic.acknowledge()).isEqualTo(0x26);
  }

  @Test
  void pollingAcknowledges() {
    pic.input(7).pulse();
    command(0, 0x0c);
    assertThat(pic.masterPorts().in(0, 1) & 0xff).isEqualTo(0x87);
    assertThat(isr(0)).isEqualTo(0x80);
    command(0, 0x0c);
    assertThat(pic.masterPorts().in(0, 1) & 0xff).isZero();
  }

  @Test
  void stateSurvives() {
    pic.input(9).set(true);
    pic.acknowledge();
    Pic.State saved = pic.save();
    pic.reset();
    assertThat(isr(0)).isZero();
    pic.restore(saved);
    assertThat(isr(1)).isEqualTo(0x02);
  }
}
