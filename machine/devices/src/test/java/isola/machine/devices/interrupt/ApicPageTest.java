package isola.machine.devices.interrupt;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.memory.GuestMemory;
import isola.core.time.ManualClock;
import org.junit.jupiter.api.Test;

class ApicPageTest {
  private static final long HZ = 1_000_000_000L;

  private final ManualClock clock = new ManualClock(0);

  private LocalApic apic() {
    return new LocalApic(3, false, 46, new ApicBus(), clock, HZ);
  }

  @Test
  void whatIsSavedAsRegistersGoesOnAsItWas() {
    LocalApic from = apic();
    LocalApic to = apic();
    from.write(ApicSpec.SVR, 0x1ff);
    from.write(ApicSpec.TPR, 0x20);
    from.write(ApicSpec.LDR, 0x0800_0000);
    from.write(ApicSpec.DIVIDE, 0xb);
    from.write(ApicSpec.LVT_TIMER, ApicSpec.LVT_TIMER_PERIODIC | 0x31);
    from.write(ApicSpec.INITIAL_COUNT, 1000);
    from.accept(ApicSpec.FIXED, 0x41, true);
    from.accept(ApicSpec.FIXED, 0xe2, false);
    assertThat(from.acknowledge()).isEqualTo(0xe2);
    clock.advance(300);
    try (GuestMemory memory = new GuestMemory()) {
      long page = memory.addRam(0, 4096).hostAddress();
      LocalApic.State state = from.save();
      ApicPage.fill(page, state, clock.nanos());
      to.restore(ApicPage.state(page, state.base(), state.timer().deadline(), clock.nanos()));
    }
    for (int register = ApicSpec.ID; register < ApicPage.SIZE; register += 16) {
      assertThat(to.read(register)).as("register %x", register).isEqualTo(from.read(register));
    }
    assertThat(to.read(ApicSpec.CURRENT_COUNT)).isEqualTo(700);
    clock.advance(700);
    assertThat(to.read(ApicSpec.IRR + 16)).isEqualTo(1 << 0x11);
  }

  @Test
  void theDeadlineGoesAlong() {
    LocalApic from = apic();
    LocalApic to = apic();
    from.write(ApicSpec.SVR, 0x1ff);
    from.write(ApicSpec.LVT_TIMER, ApicSpec.LVT_TIMER_DEADLINE | 0x31);
    from.deadline(5000);
    try (GuestMemory memory = new GuestMemory()) {
      long page = memory.addRam(0, 4096).hostAddress();
      ApicPage.fill(page, from.save(), clock.nanos());
      to.restore(ApicPage.state(page, from.base(), from.deadline(), clock.nanos()));
    }
    assertThat(to.deadline()).isEqualTo(5000);
    clock.advance(5000);
    assertThat(to.read(ApicSpec.IRR + 16)).isEqualTo(1 << 0x11);
  }
}
