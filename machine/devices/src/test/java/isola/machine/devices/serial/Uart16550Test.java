package isola.machine.devices.serial;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.time.ManualClock;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Drives the serial port as an operating system does (PC16550D). */
final class Uart16550Test {
  private final ManualClock clock = new ManualClock(0);
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private boolean irq;
  private final Uart16550 uart = new Uart16550(clock, asserted -> irq = asserted, out::write);

  private int read(int register) {
    return uart.in(register, 1) & 0xff;
  }

  private void write(int register, int value) {
    uart.out(register, 1, value);
  }

  private int offer(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    return uart.offer(bytes, 0, bytes.length);
  }

  @Test
  void transmitsAtOnce() {
    for (char c : "hello".toCharArray()) {
      assertThat(read(5) & 0x60).isEqualTo(0x60);
      write(0, c);
    }
    assertThat(out.toString(StandardCharsets.US_ASCII)).isEqualTo("hello");
  }

  @Test
  void theTransmitterInterruptsWhenEnabledAndAfterEachByte() {
    write(1, 2);
    assertThat(irq).isTrue();
    assertThat(read(2)).isEqualTo(2);
    assertThat(irq).as("reading IIR acknowledges").isFalse();
    write(0, 'x');
    assertThat(irq).isTrue();
    write(1, 0);
    assertThat(irq).isFalse();
  }

  @Test
  void theDivisorHidesBehindItsBit() {
    write(3, 0x83);
    write(0, 1);
    write(1, 2);
    assertThat(read(0) | read(1) << 8).isEqualTo(0x201);
    write(3, 0x03);
    assertThat(out.size()).isZero();
    assertThat(read(1)).isZero();
  }

  @Test
  void receivesUpToTheTriggerLevel() {
    write(2, 0x81);
    write(1, 1);
    assertThat(offer("1234567")).isEqualTo(7);
    assertThat(irq).isFalse();
    assertThat(offer("8")).isEqualTo(1);
    assertThat(irq).isTrue();
    assertThat(read(2)).isEqualTo(0xc4);
    assertThat(read(0)).isEqualTo('1');
    assertThat(irq).as("below the level again").isFalse();
    clock.advance(400_000);
    assertThat(irq).as("but left alone").isTrue();
    assertThat(read(2)).isEqualTo(0xcc);
    assertThat(read(0)).isEqualTo('2');
    assertThat(irq).isFalse();
  }

  @Test
  void nothingIsLostWhenTheGuestIsSlow() {
    AtomicInteger rooms = new AtomicInteger();
    uart.onRoom(rooms::incrementAndGet);
    write(2, 0x01);
    String text = "abcdefghijklmnopqrstuvwxyz";
    int taken = offer(text);
    assertThat(taken).isEqualTo(16);
    StringBuilder got = new StringBuilder();
    while (got.length() < text.length()) {
      int before = rooms.get();
      assertThat(read(5) & 1).isEqualTo(1);
      got.append((char) read(0));
      if (rooms.get() > before) {
        taken += offer(text.substring(taken));
      }
    }
    assertThat(got.toString()).isEqualTo(text);
    assertThat(read(5) & 3).as("no data, no overrun").isZero();
  }

  @Test
  void withoutFifosThereIsRoomForOne() {
    assertThat(offer("ab")).isEqualTo(1);
    assertThat(read(2)).isEqualTo(1);
    assertThat(read(0)).isEqualTo('a');
  }

  @Test
  void loopbackTestsBytesAndModemLines() {
    write(4, 0x1f);
    assertThat(read(6) & 0xf0).isEqualTo(0xf0);
    write(4, 0x1a);
    assertThat(read(6) & 0xf0).as("RTS and OUT2, as Linux probes").isEqualTo(0x90);
    write(0, 0x5a);
    assertThat(out.size()).isZero();
    assertThat(offer("x")).isZero();
    assertThat(read(0)).isEqualTo(0x5a);
    write(0, 1);
    write(0, 2);
    assertThat(read(5) & 2).as("overrun").isEqualTo(2);
    assertThat(read(5) & 2).isZero();
  }

  @Test
  void modemStatusDeltas() {
    assertThat(read(6)).isEqualTo(0xb0);
    write(1, 8);
    write(4, 0x10);
    write(4, 0x00);
    assertThat(irq).isTrue();
    assertThat(read(2)).isEqualTo(0);
    assertThat(read(6)).isEqualTo(0xbb);
    assertThat(read(6)).isEqualTo(0xb0);
    assertThat(irq).isFalse();
  }

  @Test
  void breakIsALineStatus() {
    write(1, 4);
    uart.sendBreak();
    assertThat(irq).isTrue();
    assertThat(read(2)).isEqualTo(6);
    assertThat(read(5)).isEqualTo(0x71);
    assertThat(irq).isFalse();
  }

  @Test
  void clearingTheFifoDropsInput() {
    write(2, 0x01);
    offer("abc");
    write(2, 0x03);
    assertThat(read(5) & 1).isZero();
  }

  @Test
  void stateSurvives() {
    write(2, 0x01);
    write(1, 1);
    offer("abc");
    Uart16550.State saved = uart.save();
    uart.reset();
    assertThat(irq).isFalse();
    uart.restore(saved);
    assertThat(irq).isTrue();
    assertThat(read(0)).isEqualTo('a');
  }
}
