package isola.machine.devices.power;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.time.ManualClock;
import org.junit.jupiter.api.Test;

/** Drives ACPI fixed hardware (ACPI 6.4 chapter 4) and the reset ports as guests do. */
final class PowerTest {
  private final ManualClock clock = new ManualClock(0);
  private boolean sci;
  private int offs;
  private int resets;
  private int suspends;
  private int wakes;
  private final AcpiPower.Sleep sleep =
      new AcpiPower.Sleep() {
        @Override
        public void powerOff() {
          offs++;
        }

        @Override
        public void suspend() {
          suspends++;
        }

        @Override
        public void wake() {
          wakes++;
        }
      };
  private final AcpiPower power = new AcpiPower(clock, true, asserted -> sci = asserted, sleep);

  @Test
  void softOff() {
    power.out(4, 2, 5 << 10);
    assertThat(offs).isZero();
    power.out(4, 2, 5 << 10 | 1 << 13);
    assertThat(offs).isEqualTo(1);
    power.out(4, 2, 2 << 10 | 1 << 13);
    assertThat(offs).as("no such state").isEqualTo(1);
    assertThat(suspends).isZero();
    power.out(5, 1, 5 << 2 | 1 << 5);
    assertThat(offs).as("written as a byte").isEqualTo(2);
  }

  @Test
  void theClocksAlarmWakesASleepingMachine() {
    power.out(2, 2, 1 << 10);
    power.out(4, 2, 1 << 10 | 1 << 13);
    assertThat(suspends).isEqualTo(1);
    power.sleep();
    assertThat(wakes).isZero();
    power.rtcLine().set(true);
    assertThat(wakes).isEqualTo(1);
    assertThat(power.in(0, 2)).as("WAK_STS and RTC_STS").isEqualTo(1 << 15 | 1 << 10);
    power.rtcLine().set(false);
    power.rtcLine().set(true);
    assertThat(wakes).as("once").isEqualTo(1);
  }

  @Test
  void anAlarmThatIsNotEnabledWakesNobodyButThePowerButtonDoes() {
    power.out(4, 2, 1 << 10 | 1 << 13);
    power.sleep();
    power.rtcLine().set(true);
    assertThat(wakes).isZero();
    power.pressPowerButton();
    assertThat(wakes).isEqualTo(1);
  }

  @Test
  void anEventThatCameBeforeTheProcessorsStoppedIsNotMissed() {
    power.out(2, 2, 1 << 10);
    power.out(4, 2, 1 << 10 | 1 << 13);
    power.rtcLine().set(true);
    assertThat(wakes).isZero();
    power.sleep();
    assertThat(wakes).isEqualTo(1);
  }

  @Test
  void theTimerCountsAt3Point58Megahertz() {
    clock.advance(1_000_000_000);
    assertThat(power.in(8, 4)).isEqualTo(3_579_545);
  }

  @Test
  void theTimerOverflowIsAnEvent() {
    power.out(2, 2, 1);
    assertThat(sci).isFalse();
    clock.advance((1L << 31) * 1_000_000_000L / 3_579_545 - 1000);
    assertThat(sci).isFalse();
    clock.advance(2000);
    assertThat(sci).isTrue();
    assertThat(power.in(0, 2) & 1).isEqualTo(1);
    power.out(0, 2, 1);
    assertThat(sci).isFalse();
  }

  @Test
  void twentyFourBits() {
    AcpiPower narrow = new AcpiPower(clock, false, asserted -> {}, sleep);
    clock.advance(10_000_000_000L);
    assertThat(narrow.in(8, 4)).isEqualTo(35_795_450 & 0xff_ffff);
  }

  @Test
  void thePowerButton() {
    power.pressPowerButton();
    assertThat(sci).isFalse();
    power.out(2, 2, 1 << 8);
    assertThat(sci).isTrue();
    power.out(1, 1, 1);
    assertThat(sci).isFalse();
  }

  @Test
  void generalPurposeEvents() {
    power.out(0x28, 4, 1 << 3);
    power.raiseGpe(3);
    assertThat(sci).isTrue();
    assertThat(power.in(0x20, 4)).isEqualTo(8);
    power.out(0x20, 1, 8);
    assertThat(sci).isFalse();
  }

  @Test
  void acpiModeIsSwitchedByTheSmiPort() {
    assertThat(power.in(4, 2) & 1).isEqualTo(1);
    power.smiCommand().out(0, 1, AcpiSpec.ACPI_DISABLE);
    assertThat(power.in(4, 2) & 1).isZero();
    power.smiCommand().out(0, 1, AcpiSpec.ACPI_ENABLE);
    assertThat(power.in(4, 2) & 1).isEqualTo(1);
  }

  @Test
  void resetControlNeedsARisingBit() {
    ResetControl control = new ResetControl(() -> resets++);
    control.out(1, 1, 0x02);
    assertThat(resets).isZero();
    control.out(1, 1, 0x06);
    assertThat(resets).isEqualTo(1);
    control.out(1, 1, 0x06);
    assertThat(resets).isEqualTo(1);
    assertThat(control.in(1, 1)).isEqualTo(6);
  }

  @Test
  void port92() {
    Port92 port = new Port92(() -> resets++);
    assertThat(port.in(0, 1) & 2).isEqualTo(2);
    port.out(0, 1, 0);
    assertThat(port.in(0, 1) & 2).isZero();
    port.out(0, 1, 1);
    assertThat(resets).isEqualTo(1);
  }
}
