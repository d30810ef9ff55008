package isola.machine.devices.interrupt;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.HypercallPort;
import isola.core.time.ManualClock;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Calls as Linux's arch/x86/kernel/kvm.c makes them. */
final class ApicHypercallsTest {
  private static final int KICK_CPU = 5;
  private static final int SEND_IPI = 10;
  private static final long EINVAL = -22;

  private final ApicBus bus = new ApicBus();
  private final HypercallPort calls = new ApicHypercalls(bus);
  private final List<LocalApic> apics = new ArrayList<>();
  private final List<Processor> processors = new ArrayList<>();

  private void start(int count) {
    ManualClock clock = new ManualClock(0);
    for (int i = 0; i < count; i++) {
      LocalApic apic = new LocalApic(i, i == 0, 40, bus, clock, 1_000_000_000L);
      Processor processor = new Processor();
      apic.connect(processor);
      apic.registers().write(ApicSpec.SVR, 4, 0x1ff);
      apics.add(apic);
      processors.add(processor);
    }
  }

  /** Who had the vector requested; it is taken. */
  private List<Integer> whoTook(int vector) {
    List<Integer> took = new ArrayList<>();
    for (int i = 0; i < apics.size(); i++) {
      if (apics.get(i).pending()) {
        assertThat(apics.get(i).acknowledge()).isEqualTo(vector);
        apics.get(i).registers().write(ApicSpec.EOI, 4, 0);
        took.add(i);
      }
    }
    return took;
  }

  @Test
  void oneCallReachesEveryProcessorOfTheSet() {
    start(70);
    assertThat(calls.call(SEND_IPI, 0b1010, 0, 0, 0x31, true)).isEqualTo(2);
    assertThat(whoTook(0x31)).containsExactly(1, 3);
    // The second word begins 64 processors further on, in 32-bit code 32.
    assertThat(calls.call(SEND_IPI, 1, 0b11, 4, 0x32, true)).isEqualTo(3);
    assertThat(whoTook(0x32)).containsExactly(4, 68, 69);
    assertThat(calls.call(SEND_IPI, 0, 1, 4, 0x33, false)).isEqualTo(1);
    assertThat(whoTook(0x33)).containsExactly(36);
  }

  @Test
  void aNonMaskableInterruptCanBeSent() {
    start(2);
    assertThat(calls.call(SEND_IPI, 2, 0, 0, 0x402, true)).isEqualTo(1);
    assertThat(processors.get(1).events).containsExactly("nmi");
  }

  @Test
  void processorsThatAreNotThereAreNotCounted() {
    start(2);
    assertThat(calls.call(SEND_IPI, -1, -1, 0, 0x31, true)).isEqualTo(2);
    assertThat(calls.call(SEND_IPI, 0xffff_ffffL, 0, 0xffff_ffffL, 0x31, true)).isZero();
    assertThat(calls.call(KICK_CPU, 0, 99, 0, 0, true)).isZero();
    assertThat(calls.call(KICK_CPU, 0, -1, 0, 0, true)).isZero();
  }

  @Test
  void otherMessagesAndAddressesAreRefused() {
    start(2);
    for (long command : new long[] {0x531, 0x631, 0x831, 0x4_0031, 0xc_0031}) {
      assertThat(calls.call(SEND_IPI, 3, 0, 0, command, true)).isEqualTo(EINVAL);
    }
    assertThat(processors.get(1).events).isEmpty();
    assertThat(whoTook(0x31)).isEmpty();
  }

  @Test
  void aKickReachesTheProcessorNamed() {
    start(3);
    assertThat(calls.call(KICK_CPU, 0, 2, 0, 0, true)).isZero();
    assertThat(processors.get(2).events).containsExactly("unhalt");
    assertThat(processors.get(0).events).isEmpty();
  }

  @Test
  void anythingElseIsNotOffered() {
    start(1);
    assertThat(calls.call(9, 0, 0, 0, 0, true)).isEqualTo(HypercallPort.UNKNOWN);
  }
}
