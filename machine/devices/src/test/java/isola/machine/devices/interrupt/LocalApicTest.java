package isola.machine.devices.interrupt;

import static isola.core.cpu.MsrPort.Access.FAULT;
import static isola.core.cpu.MsrPort.Access.OK;
import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.MsrPort.Access;
import isola.core.cpu.VcpuSignals;
import isola.core.time.ManualClock;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Drives local APICs as an operating system does (Intel SDM vol. 3A chapter 10). */
final class LocalApicTest {
  private static final long TSC_HZ = 2_000_000_000L;

  private final ManualClock clock = new ManualClock(0);
  private final ApicBus bus = new ApicBus();
  private final List<LocalApic> apics = new ArrayList<>();
  private final List<Processor> processors = new ArrayList<>();

  private LocalApic start(int count) {
    for (int i = 0; i < count; i++) {
      LocalApic apic = new LocalApic(i, i == 0, 40, bus, clock, TSC_HZ);
      Processor processor = new Processor();
      apic.connect(processor);
      apics.add(apic);
      processors.add(processor);
      write(i, ApicSpec.SVR, 0x1ff);
    }
    return apics.getFirst();
  }

  private void write(int cpu, int register, int value) {
    apics.get(cpu).registers().write(register, 4, value & 0xffff_ffffL);
  }

  private int read(int cpu, int register) {
    return (int) apics.get(cpu).registers().read(register, 4);
  }

  private void toX2(int cpu) {
    long base = apics.get(cpu).base();
    assertThat(apics.get(cpu).registers().write(ApicSpec.MSR_APIC_BASE, base | 0x400))
        .isEqualTo(OK);
  }

  private Access wrmsr(int cpu, int register, long value) {
    return apics.get(cpu).registers().write(0x800 + (register >> 4), value);
  }

  private long rdmsr(int cpu, int register) {
    assertThat(apics.get(cpu).registers().read(0x800 + (register >> 4))).isEqualTo(OK);
    return apics.get(cpu).registers().value();
  }

  private List<Integer> whoGot(int vector) {
    List<Integer> got = new ArrayList<>();
    for (int i = 0; i < apics.size(); i++) {
      if ((read(i, ApicSpec.IRR + (vector >> 5) * 16) >>> (vector & 31) & 1) != 0) {
        got.add(i);
        assertThat(apics.get(i).acknowledge()).isEqualTo(vector);
        write(i, ApicSpec.EOI, 0);
      }
    }
    return got;
  }

  @Test
  void priorityClassesNest() {
    LocalApic apic = start(1);
    bus.send(0xfee00000L, 0x41);
    assertThat(apic.pending()).isTrue();
    assertThat(processors.getFirst().raised).isPositive();
    assertThat(apic.acknowledge()).isEqualTo(0x41);
    bus.send(0xfee00000L, 0x4f);
    assertThat(apic.pending()).as("same class").isFalse();
    bus.send(0xfee00000L, 0x51);
    assertThat(apic.acknowledge()).isEqualTo(0x51);
    assertThat(read(0, ApicSpec.PPR)).isEqualTo(0x50);
    write(0, ApicSpec.EOI, 0);
    assertThat(apic.pending()).isFalse();
    write(0, ApicSpec.EOI, 0);
    assertThat(apic.acknowledge()).isEqualTo(0x4f);
  }

  @Test
  void taskPriorityHoldsBackAndCr8IsItsUpperHalf() {
    LocalApic apic = start(1);
    apic.cr8(6);
    assertThat(read(0, ApicSpec.TPR)).isEqualTo(0x60);
    bus.send(0xfee00000L, 0x6f);
    assertThat(apic.pending()).isFalse();
    assertThat(apic.acknowledge()).isEqualTo(-1);
    write(0, ApicSpec.TPR, 0x50);
    assertThat(apic.cr8()).isEqualTo(5);
    assertThat(apic.acknowledge()).isEqualTo(0x6f);
  }

  @Test
  void shorthandsReachWhomTheyName() {
    start(3);
    write(1, ApicSpec.ICR, 0x4_0081);
    assertThat(whoGot(0x81)).containsExactly(1);
    write(1, ApicSpec.ICR, 0x8_0082);
    assertThat(whoGot(0x82)).containsExactly(0, 1, 2);
    write(1, ApicSpec.ICR, 0xc_0083);
    assertThat(whoGot(0x83)).containsExactly(0, 2);
  }

  @Test
  void destinationsPhysicalFlatAndCluster() {
    start(4);
    write(0, ApicSpec.ICR_HIGH, 2 << 24);
    write(0, ApicSpec.ICR, 0x90);
    assertThat(whoGot(0x90)).containsExactly(2);
    write(0, ApicSpec.ICR_HIGH, 0xff << 24);
    write(0, ApicSpec.ICR, 0x91);
    assertThat(whoGot(0x91)).hasSize(4);
    for (int i = 0; i < 4; i++) {
      write(i, ApicSpec.LDR, 1 << i << 24);
    }
    write(0, ApicSpec.ICR_HIGH, 0xa << 24);
    write(0, ApicSpec.ICR, 0x892);
    assertThat(whoGot(0x92)).containsExactly(1, 3);
    for (int i = 0; i < 4; i++) {
      write(i, ApicSpec.DFR, 0x0fff_ffff);
      write(i, ApicSpec.LDR, ((i / 2) << 4 | 1 << i % 2) << 24);
    }
    write(0, ApicSpec.ICR_HIGH, 0x13 << 24);
    write(0, ApicSpec.ICR, 0x893);
    assertThat(whoGot(0x93)).containsExactly(2, 3);
  }

  @Test
  void lowestPriorityGoesToOne() {
    start(3);
    for (int i = 0; i < 3; i++) {
      write(i, ApicSpec.LDR, 1 << i << 24);
    }
    write(0, ApicSpec.TPR, 0x20);
    write(2, ApicSpec.TPR, 0x10);
    write(1, ApicSpec.TPR, 0x30);
    bus.send(0xfee0_7004L, 0x1a0);
    assertThat(whoGot(0xa0)).containsExactly(2);
  }

  @Test
  void startUpSequence() {
    start(2);
    write(0, ApicSpec.ICR_HIGH, 1 << 24);
    write(0, ApicSpec.ICR, 0xc500);
    write(0, ApicSpec.ICR, 0x8500);
    write(0, ApicSpec.ICR, 0x4608);
    write(0, ApicSpec.ICR, 0x4400);
    assertThat(processors.get(1).events).containsExactly("init", "startup 8", "nmi");
    assertThat(read(1, ApicSpec.SVR)).as("INIT resets the APIC").isEqualTo(0xff);
  }

  @Test
  void x2ApicRegistersAreMsrs() {
    start(2);
    toX2(1);
    assertThat(read(1, ApicSpec.VERSION)).as("no memory registers").isEqualTo(-1);
    assertThat(rdmsr(1, ApicSpec.ID)).isEqualTo(1);
    assertThat(rdmsr(1, ApicSpec.LDR)).isEqualTo(2);
    assertThat(wrmsr(1, ApicSpec.ID, 5)).isEqualTo(FAULT);
    assertThat(wrmsr(1, ApicSpec.EOI, 1)).isEqualTo(FAULT);
    assertThat(wrmsr(1, ApicSpec.ESR, 1)).isEqualTo(FAULT);
    assertThat(wrmsr(1, ApicSpec.TPR, 0x100)).isEqualTo(FAULT);
    assertThat(wrmsr(1, ApicSpec.SELF_IPI, 0x100)).isEqualTo(FAULT);
    assertThat(wrmsr(1, ApicSpec.DFR, 0)).isEqualTo(FAULT);
    assertThat(wrmsr(0, ApicSpec.TPR, 0)).as("not in x2APIC mode").isEqualTo(FAULT);
    assertThat(wrmsr(1, ApicSpec.SELF_IPI, 0x55)).isEqualTo(OK);
    assertThat(apics.get(1).acknowledge()).isEqualTo(0x55);
    assertThat(wrmsr(1, ApicSpec.ICR, 0x66)).as("to physical id 0").isEqualTo(OK);
    assertThat(apics.get(0).acknowledge()).isEqualTo(0x66);
    assertThat(wrmsr(1, ApicSpec.ICR, 0xffff_ffff_0000_0077L)).isEqualTo(OK);
    assertThat(apics.get(0).acknowledge()).isEqualTo(0x77);
    assertThat(apics.get(1).acknowledge()).isEqualTo(0x77);
  }

  @Test
  void modeTransitions() {
    ApicRegisters registers = start(1).registers();
    long off = 0xfee0_0100L;
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0x400)).isEqualTo(FAULT);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0xc00)).isEqualTo(OK);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0x800)).isEqualTo(FAULT);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off)).isEqualTo(OK);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0xc00)).isEqualTo(FAULT);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0x800)).isEqualTo(OK);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0x801)).isEqualTo(FAULT);
    assertThat(registers.write(ApicSpec.MSR_APIC_BASE, off | 0x800 | 1L << 40)).isEqualTo(FAULT);
  }

  @Test
  void theRegistersMove() {
    List<String> moves = new ArrayList<>();
    LocalApic apic = start(1);
    apic.placement((base, visible) -> moves.add(Long.toHexString(base) + visible));
    apic.registers().write(ApicSpec.MSR_APIC_BASE, 0xfed4_0900L);
    toX2(0);
    assertThat(moves).containsExactly("fee00000true", "fed40000true", "fed40000false");
  }

  @Test
  void oneShotTimerCountsDownOnce() {
    LocalApic apic = start(1);
    write(0, ApicSpec.LVT_TIMER, 0xee);
    write(0, ApicSpec.DIVIDE, 0x3);
    write(0, ApicSpec.INITIAL_COUNT, 1000);
    clock.advance(8_000);
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).as("divided by 16").isEqualTo(500);
    clock.advance(7_999);
    assertThat(apic.pending()).isFalse();
    clock.advance(1);
    assertThat(apic.acknowledge()).isEqualTo(0xee);
    clock.advance(100_000);
    assertThat(apic.pending()).isFalse();
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).isZero();
  }

  @Test
  void periodicTimerKeepsItsPhaseAndChangesMode() {
    LocalApic apic = start(1);
    write(0, ApicSpec.LVT_TIMER, 1 << 17 | 0xee);
    write(0, ApicSpec.DIVIDE, 0xb);
    write(0, ApicSpec.INITIAL_COUNT, 1_000_000);
    for (int i = 0; i < 5; i++) {
      clock.advance(1_000_000);
      assertThat(apic.acknowledge()).isEqualTo(0xee);
      write(0, ApicSpec.EOI, 0);
    }
    clock.advance(600_000);
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).isEqualTo(400_000);
    write(0, ApicSpec.LVT_TIMER, 0xee);
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).as("goes on counting").isEqualTo(400_000);
    clock.advance(400_000);
    assertThat(apic.acknowledge()).isEqualTo(0xee);
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).isZero();
    write(0, ApicSpec.LVT_TIMER, 1 << 17 | 0xee);
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).as("stays at zero").isZero();
  }

  @Test
  void tscDeadline() {
    LocalApic apic = start(1);
    ApicRegisters registers = apic.registers();
    registers.write(ApicSpec.MSR_TSC_DEADLINE, 1);
    registers.read(ApicSpec.MSR_TSC_DEADLINE);
    assertThat(registers.value()).as("ignored in other modes").isZero();
    write(0, ApicSpec.LVT_TIMER, 2 << 17 | 0xef);
    apic.tscOffset(500);
    registers.write(ApicSpec.MSR_TSC_DEADLINE, 2_000_500);
    clock.advance(999_999);
    assertThat(apic.pending()).isFalse();
    registers.read(ApicSpec.MSR_TSC_DEADLINE);
    assertThat(registers.value()).isEqualTo(2_000_500);
    clock.advance(1);
    assertThat(apic.acknowledge()).isEqualTo(0xef);
    registers.read(ApicSpec.MSR_TSC_DEADLINE);
    assertThat(registers.value()).isZero();
    write(0, ApicSpec.EOI, 0);
    registers.write(ApicSpec.MSR_TSC_DEADLINE, 1);
    assertThat(apic.acknowledge()).as("a deadline in the past is due").isEqualTo(0xef);
  }

  @Test
  void tscDeadlineAtAnyFrequency() {
    SplittableRandom random = new SplittableRandom(1);
    for (long hz : new long[] {1_000_000, 999_999_937, 2_095_123_000L, 8_999_999_999L}) {
      ManualClock time = new ManualClock(0);
      LocalApic apic = new LocalApic(0, true, 40, new ApicBus(), time, hz);
      apic.connect(new Processor());
      apic.registers().write(ApicSpec.SVR, 4, 0x1ff);
      apic.registers().write(ApicSpec.LVT_TIMER, 4, 2 << 17 | 0xef);
      for (int i = 0; i < 200; i++) {
        time.advance(random.nextLong(1_000_000_000_000L));
        long ticks = random.nextLong(1, hz);
        long deadline = ticks(time.nanos(), hz) + ticks;
        apic.registers().write(ApicSpec.MSR_TSC_DEADLINE, deadline);
        // Goes to the last nanosecond in which the counter is below it.
        long last = ticks * 1_000_000_000 / hz - 1;
        while (ticks(time.nanos() + last + 1, hz) < deadline) {
          last++;
        }
        time.advance(Math.max(last, 0));
        assertThat(ticks(time.nanos(), hz) >= deadline || !apic.pending()).isTrue();
        // It is due then, or a tick and a nanosecond later.
        time.advance(1_000_000_000 / hz + 2);
        assertThat(apic.acknowledge()).as("%d Hz, %d ticks", hz, ticks).isEqualTo(0xef);
        apic.registers().write(ApicSpec.EOI, 4, 0);
      }
    }
  }

  private static long ticks(long nanos, long hz) {
    return nanos / 1_000_000_000 * hz + nanos % 1_000_000_000 * hz / 1_000_000_000;
  }

  @Test
  void errorsShowAfterAWriteOfTheStatus() {
    LocalApic apic = start(1);
    write(0, ApicSpec.LVT_ERROR, 0xfe);
    write(0, ApicSpec.ICR, 0x4_0005);
    assertThat(apic.acknowledge()).isEqualTo(0xfe);
    assertThat(read(0, ApicSpec.ESR)).isZero();
    write(0, ApicSpec.ESR, 0);
    assertThat(read(0, ApicSpec.ESR)).isEqualTo(0x20);
    bus.send(0xfee00000L, 0x08);
    assertThat(read(0, 0x3d0)).isZero();
    write(0, ApicSpec.ESR, 0);
    assertThat(read(0, ApicSpec.ESR)).isEqualTo(0xc0);
  }

  @Test
  void softwareDisableMasksAndRefuses() {
    LocalApic apic = start(1);
    write(0, ApicSpec.LVT_LINT1, 0x400);
    write(0, ApicSpec.SVR, 0xff);
    assertThat(read(0, ApicSpec.LVT_LINT1)).isEqualTo(0x1_0400);
    write(0, ApicSpec.LVT_LINT1, 0x400);
    assertThat(read(0, ApicSpec.LVT_LINT1)).as("cannot be unmasked").isEqualTo(0x1_0400);
    bus.send(0xfee00000L, 0x44);
    assertThat(apic.pending()).isFalse();
  }

  @Test
  void externalInterruptsComeThroughLint0() {
    LocalApic apic = start(2);
    Pic pic = new Pic(apic.lint0());
    apic.external(pic::acknowledge);
    pic.masterPorts().out(0, 1, 0x11);
    pic.masterPorts().out(1, 1, 0x30);
    pic.masterPorts().out(1, 1, 4);
    pic.masterPorts().out(1, 1, 1);
    pic.masterPorts().out(1, 1, 0);
    apic.cr8(15);
    pic.input(0).pulse();
    assertThat(apic.pending()).as("whatever the task priority").isTrue();
    assertThat(apic.acknowledge()).isEqualTo(0x30);
    assertThat(apic.pending()).isFalse();
    assertThat(read(0, ApicSpec.ISR + 0x10)).as("not in service here").isZero();
    write(0, ApicSpec.LVT_LINT0, 0x1_0700);
    pic.masterPorts().out(0, 1, 0x20);
    pic.input(1).pulse();
    assertThat(apic.pending()).isFalse();
  }

  @Test
  void lint1IsNmi() {
    LocalApic apic = start(1);
    write(0, ApicSpec.LVT_LINT1, 0x400);
    apic.lint1().pulse();
    assertThat(processors.getFirst().events).containsExactly("nmi");
  }

  @Test
  void stateSurvives() {
    LocalApic apic = start(1);
    write(0, ApicSpec.LVT_TIMER, 0xee);
    write(0, ApicSpec.DIVIDE, 0xb);
    write(0, ApicSpec.INITIAL_COUNT, 50_000);
    bus.send(0xfee00000L, 0x71);
    apic.acknowledge();
    LocalApic.State saved = apic.save();
    apic.reset();
    clock.advance(10_000);
    apic.restore(saved);
    assertThat(read(0, ApicSpec.CURRENT_COUNT)).isEqualTo(40_000);
    assertThat(read(0, ApicSpec.PPR)).isEqualTo(0x70);
    clock.advance(40_000);
    assertThat(apic.acknowledge()).isEqualTo(0xee);
  }

  /** Waits for its APIC as an idle processor does. */
  private static final class Idle implements VcpuSignals {
    private final Semaphore raised = new Semaphore(0);

    @Override
    public void interruptRaised() {
      raised.release();
    }

    @Override
    public void nmi() {}

    @Override
    public void init() {}

    @Override
    public void startup(int vector) {}

    @Override
    public void kick() {}

    int await(LocalApic apic) throws InterruptedException {
      while (!apic.pending()) {
        assertThat(raised.tryAcquire(20, TimeUnit.SECONDS)).as("an interrupt was lost").isTrue();
      }
      return apic.acknowledge();
    }
  }

  /** Two processors play ping-pong; none may get lost. */
  @Test
  void noInterruptIsLostBetweenThreads() throws Exception {
    int rounds = 20_000;
    LocalApic first = start(2);
    LocalApic second = apics.get(1);
    Idle one = new Idle();
    Idle two = new Idle();
    first.connect(one);
    second.connect(two);
    FutureTask<Integer> echo =
        new FutureTask<>(
            () -> {
              int got = 0;
              for (; got < rounds; got++) {
                assertThat(two.await(second)).isEqualTo(0x61);
                write(1, ApicSpec.EOI, 0);
                write(1, ApicSpec.ICR_HIGH, 0);
                write(1, ApicSpec.ICR, 0x62);
              }
              return got;
            });
    Thread.ofPlatform().start(echo);
    for (int i = 0; i < rounds; i++) {
      write(0, ApicSpec.ICR_HIGH, 1 << 24);
      write(0, ApicSpec.ICR, 0x61);
      assertThat(one.await(first)).isEqualTo(0x62);
      write(0, ApicSpec.EOI, 0);
    }
    assertThat(echo.get(20, TimeUnit.SECONDS)).isEqualTo(rounds);
  }
}
