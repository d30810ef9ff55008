package isola.machine.devices.interrupt;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.time.ManualClock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Drives the I/O APIC as an operating system does (Intel 290566). */
final class IoApicTest {
  private static final int LEVEL = 1 << 15;
  private static final int MASKED = 1 << 16;
  private static final int REMOTE_IRR = 1 << 14;

  private final ApicBus bus = new ApicBus();
  private final LocalApic apic =
      new LocalApic(0, true, 40, bus, new ManualClock(0), 1_000_000_000L);
  private final IoApic ioApic = new IoApic(bus);

  @BeforeEach
  void enable() {
    apic.registers().write(ApicSpec.SVR, 4, 0x1ff);
  }

  private int read(int register) {
    ioApic.write(0, 4, register);
    return (int) ioApic.read(0x10, 4);
  }

  private void write(int register, int value) {
    ioApic.write(0, 4, register);
    ioApic.write(0x10, 4, value & 0xffff_ffffL);
  }

  private void redirect(int input, int low) {
    write(0x11 + input * 2, 0);
    write(0x10 + input * 2, low);
  }

  private void endOfInterrupt() {
    apic.registers().write(ApicSpec.EOI, 4, 0);
  }

  @Test
  void identifiesItself() {
    assertThat(read(1)).isEqualTo(0x0017_0020);
    write(1, -1);
    assertThat(read(1)).isEqualTo(0x0017_0020);
    write(0, -1);
    assertThat(read(0)).isEqualTo(0x0f00_0000);
    assertThat(read(2)).isEqualTo(0x0f00_0000);
    assertThat(read(0x10)).isEqualTo(MASKED);
    assertThat(read(0x3f)).isZero();
    assertThat(read(0x40)).isZero();
  }

  @Test
  void edgesDeliverOnceAndAreLostWhileMasked() {
    redirect(14, 0x76);
    ioApic.input(14).pulse();
    assertThat(apic.acknowledge()).isEqualTo(0x76);
    endOfInterrupt();
    redirect(14, 0x76 | MASKED);
    ioApic.input(14).pulse();
    redirect(14, 0x76);
    assertThat(apic.pending()).isFalse();
  }

  @Test
  void aLevelIsDeliveredAgainAfterItsEndWhileItLasts() {
    redirect(16, 0x77 | LEVEL);
    ioApic.input(16).set(true);
    assertThat(read(0x30) & REMOTE_IRR).isNotZero();
    assertThat(apic.acknowledge()).isEqualTo(0x77);
    assertThat(apic.registers().read(ApicSpec.TMR + 0x30, 4)).isEqualTo(1L << 0x17);
    assertThat(apic.pending()).isFalse();
    endOfInterrupt();
    assertThat(apic.acknowledge()).isEqualTo(0x77);
    ioApic.input(16).set(false);
    endOfInterrupt();
    assertThat(apic.pending()).isFalse();
    assertThat(read(0x30) & REMOTE_IRR).isZero();
  }

  @Test
  void aMaskedLevelIsDeliveredWhenUnmasked() {
    redirect(16, 0x77 | LEVEL | MASKED);
    ioApic.input(16).set(true);
    assertThat(apic.pending()).isFalse();
    redirect(16, 0x77 | LEVEL);
    assertThat(apic.acknowledge()).isEqualTo(0x77);
  }

  @Test
  void theEoiRegisterAndTheVisitToEdgeModeClearRemoteIrr() {
    redirect(16, 0x77 | LEVEL);
    ioApic.input(16).set(true);
    ioApic.input(16).set(false);
    ioApic.write(0x40, 4, 0x77);
    assertThat(read(0x30) & REMOTE_IRR).isZero();
    ioApic.input(16).set(true);
    ioApic.input(16).set(false);
    redirect(16, 0x77 | MASKED);
    redirect(16, 0x77 | LEVEL);
    assertThat(read(0x30) & REMOTE_IRR).isZero();
  }

  @Test
  void suppressedEndOfInterruptLeavesItToTheEoiRegister() {
    apic.registers().write(ApicSpec.SVR, 4, 0x11ff);
    redirect(16, 0x77 | LEVEL);
    ioApic.input(16).set(true);
    apic.acknowledge();
    endOfInterrupt();
    assertThat(apic.pending()).isFalse();
    ioApic.write(0x40, 4, 0x77);
    assertThat(apic.pending()).isTrue();
  }

  @Test
  void anEdgeWithExtIntModeAsksThe8259() {
    apic.external(() -> 0x33);
    redirect(0, 0x700);
    ioApic.input(0).set(true);
    assertThat(apic.acknowledge()).isEqualTo(0x33);
    assertThat(apic.pending()).isFalse();
  }

  @Test
  void stateSurvives() {
    redirect(16, 0x77 | LEVEL);
    ioApic.input(16).set(true);
    IoApic.State saved = ioApic.save();
    ioApic.reset();
    assertThat(read(0x30)).isEqualTo(MASKED);
    ioApic.restore(saved);
    assertThat(read(0x30)).isEqualTo(0x77 | LEVEL | REMOTE_IRR);
  }
}
