package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.bus.Doorbells;
import isola.core.bus.MmioDevice;
import isola.core.bus.PortDevice;
import isola.core.cpu.Exit;
import isola.core.memory.GuestMemory;
import isola.core.memory.HostMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A processor on the real /dev/kvm, with 16-bit programs that take it a moment. */
@Timeout(60)
class KvmProcessorTest {
  private static final int AX = 0;
  private static final int CX = 1;

  @Test
  void portsOfEverySizeAndStringsOfThemReachTheBus() {
    // mov $0x1234,%ax; out %al,$0x60; out %ax,$0x60; in $0x60,%al; out %al,$0x61;
    // mov $3,%cx; mov $0x60,%dx; mov $0x8000-ish string: rep insb at es:di=0x2000; out %al,$0xf4
    try (RealModeMachine m =
        new RealModeMachine(
            0xb8, 0x34, 0x12, 0xe6, 0x60, 0xe7, 0x60, 0xe4, 0x60, 0xe6, 0x61, 0xb9, 3, 0, 0xba,
            0x60, 0, 0xbf, 0, 0x20, 0xf3, 0x6c, 0xbe, 0, 0x20, 0xb9, 3, 0, 0xf3, 0x6e, 0xe6,
            0xf4)) {
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.seen)
          .containsExactly(
              "out 0 1 34",
              "out 0 2 1234",
              "in 0 1",
              "out 1 1 43",
              "in 0 1",
              "in 0 1",
              "in 0 1",
              "out 0 1 45",
              "out 0 1 46",
              "out 0 1 47",
              "out 0 1 43");
      assertThat(m.memory.get(0x2000, 4)).isEqualTo(0x474645);
      assertThat(m.register(CX)).isZero();
    }
  }

  @Test
  void deviceMemoryIsReadAndWrittenAndRomKeepsItsBytes() {
    // mov $0x8000,%bx: mov (%bx),%al; out %al,$0x60; movb $1,(%bx); mov (%bx),%al; out; mov
    // $0x9004,%bx; mov (%bx),%ax; mov %ax,2(%bx); movb $7,4(%bx); out %al,$0xf4
    try (RealModeMachine m =
        new RealModeMachine(
            0xbb, 0, 0x80, 0x8a, 0x07, 0xe6, 0x60, 0xc6, 0x07, 0x01, 0x8a, 0x07, 0xe6, 0x60, 0xbb,
            4, 0x90, 0x8b, 0x07, 0x89, 0x47, 2, 0xc6, 0x47, 4, 7, 0xe6, 0xf4)) {
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.seen)
          .containsExactly(
              "out 0 1 5a",
              "out 0 1 5a",
              "read 4 2",
              "write 6 2 3344",
              "write 8 1 7",
              "out 0 1 44");
    }
  }

  @Test
  void registersGoInAndOut() {
    // inc %ax; out %al,$0xf4
    try (RealModeMachine m = new RealModeMachine(0x40, 0xe6, 0xf4)) {
      m.field(CpuState.GPR, 0x1122_3344_5566_7788L);
      for (int r = 1; r < 16; r++) {
        m.field(CpuState.GPR + 8 * r, 0x100 + r);
      }
      m.field(CpuState.CR2, 0x1234);
      m.field(CpuState.LSTAR, 0xffff_8000_0000_1000L);
      m.field(CpuState.PAT, 0x0007_0406_0007_0401L);
      m.field(CpuState.DR, 0x4444);
      m.field(CpuState.XMM + 16 * 3, 0x0102_0304_0506_0708L);
      RawMemory.putShort(m.vcpu.state() + CpuState.FCW, (short) 0x27f);
      m.vcpu.push();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.register(AX)).isEqualTo(0x1122_3344_5566_7789L);
      for (int r = 1; r < 16; r++) {
        assertThat(m.register(r)).isEqualTo(0x100 + r);
      }
      assertThat(m.field(CpuState.RIP)).isEqualTo(RealModeMachine.CODE + 3);
      assertThat(m.field(CpuState.CR2)).isEqualTo(0x1234);
      assertThat(m.field(CpuState.LSTAR)).isEqualTo(0xffff_8000_0000_1000L);
      assertThat(m.field(CpuState.PAT)).isEqualTo(0x0007_0406_0007_0401L);
      assertThat(m.field(CpuState.DR)).isEqualTo(0x4444);
      assertThat(m.field(CpuState.XMM + 16 * 3)).isEqualTo(0x0102_0304_0506_0708L);
      assertThat(RawMemory.getShort(m.vcpu.state() + CpuState.FCW)).isEqualTo((short) 0x27f);
      m.start();
      m.vcpu.pull();
      assertThat(m.field(CpuState.LSTAR)).as("after a reset").isZero();
      assertThat(m.register(2) & 0xff0)
          .as("signature in DX after a reset")
          .isEqualTo(0x6c0 & 0xff0);
    }
  }

  @Test
  void aKickEndsAnEndlessLoopAndOneThatComesBeforeIsNotLost() throws Exception {
    // 1: jmp 1b
    try (RealModeMachine m = new RealModeMachine(0xeb, 0xfe)) {
      m.vcpu.kick();
      assertThat(m.vcpu.run()).isEqualTo(Exit.KICK);
      for (int i = 0; i < 50; i++) {
        CountDownLatch running = new CountDownLatch(1);
        AtomicReference<Exit> why = new AtomicReference<>();
        Thread owner =
            Thread.ofPlatform()
                .start(
                    () -> {
                      running.countDown();
                      why.set(m.vcpu.run());
                    });
        running.await();
        if (i % 2 == 0) {
          TimeUnit.MILLISECONDS.sleep(2);
        }
        m.vcpu.kick();
        assertThat(owner.join(Duration.ofSeconds(10))).isTrue();
        assertThat(why).hasValue(Exit.KICK);
      }
    }
  }

  @Test
  void aHaltedProcessorIsStoppedAtOnceAndHoldsUpNoCollection() throws Exception {
    // cli; hlt
    try (RealModeMachine m = new RealModeMachine(0xfa, 0xf4)) {
      AtomicReference<Exit> why = new AtomicReference<>();
      Thread owner = Thread.ofPlatform().start(() -> why.set(m.vcpu.run()));
      TimeUnit.MILLISECONDS.sleep(50);
      System.gc();
      assertThat(owner.isAlive()).isTrue();
      owner.interrupt();
      TimeUnit.MILLISECONDS.sleep(20);
      assertThat(owner.isAlive()).as("an interrupted thread goes on").isTrue();
      m.vcpu.kick();
      assertThat(owner.join(Duration.ofSeconds(10))).isTrue();
      assertThat(why).hasValue(Exit.KICK);
    }
  }

  @Test
  void aTripleFaultShutsDownAndOthersLiveOn() {
    // ud2
    try (RealModeMachine other = new RealModeMachine(0xe6, 0xf4);
        RealModeMachine m = new RealModeMachine(0x0f, 0x0b)) {
      m.protectedMode();
      Exit why = m.run();
      assertThat(why).as(m.vcpu.exit().detail).isEqualTo(Exit.SHUTDOWN);
      assertThat(m.vcpu.exit().detail).contains("triple fault");
      assertThat(other.run()).isEqualTo(Exit.PORT_OUT);
    }
  }

  @Test
  void aDescriptorClosedUnderItEndsTheMachineWithASentence() {
    // 1: in $0x60,%al; jmp 1b
    try (RealModeMachine m = new RealModeMachine(0xe4, 0x60, 0xeb, 0xfc)) {
      assertThat(m.vcpu.run()).isEqualTo(Exit.PORT_IN);
      m.vcpu.closeFile();
      assertThat(m.vcpu.run()).isEqualTo(Exit.INTERNAL_ERROR);
      assertThat(m.vcpu.exit().detail).contains("descriptor was closed");
    }
  }

  @Test
  void aDescriptorClosedWhileTheGuestRunsIsToldWhenItLeaves() throws Exception {
    // cli; hlt
    try (RealModeMachine m = new RealModeMachine(0xfa, 0xf4)) {
      List<Exit> why = new ArrayList<>();
      Thread owner =
          Thread.ofPlatform()
              .start(
                  () -> {
                    Thread.currentThread().interrupt();
                    do {
                      why.add(m.vcpu.run());
                    } while (why.getLast() == Exit.KICK);
                  });
      TimeUnit.MILLISECONDS.sleep(20);
      m.vcpu.closeFile();
      m.vcpu.kick();
      assertThat(owner.join(Duration.ofSeconds(10))).isTrue();
      assertThat(why).endsWith(Exit.INTERNAL_ERROR);
      assertThat(m.vcpu.exit().detail).contains("descriptor was closed");
    }
  }

  @Test
  void closingARunningProcessorStopsItFirst() throws Exception {
    AtomicReference<Exit> why = new AtomicReference<>();
    Thread owner;
    try (RealModeMachine m = new RealModeMachine(0xeb, 0xfe)) {
      owner =
          Thread.ofPlatform()
              .start(
                  () -> {
                    do {
                      why.set(m.vcpu.run());
                    } while (why.get() == Exit.KICK);
                  });
      TimeUnit.MILLISECONDS.sleep(20);
    }
    assertThat(owner.join(Duration.ofSeconds(10))).isTrue();
    assertThat(why).hasValue(Exit.INTERNAL_ERROR);
  }

  @Test
  void anInterruptOfThe8259AsIsTakenWhenTheGuestLetsIt() {
    // vector 0x21 -> 0:0x1100: in a handler: out %al,$0xf4. Main: cli; nop*3; sti; 1: hlt; jmp 1b
    try (RealModeMachine m = new RealModeMachine(0xfa, 0x90, 0x90, 0xfb, 0xf4, 0xeb, 0xfd)) {
      m.memory.put(0x21 * 4, 4, 0x1100);
      m.memory.put(0x1100, 2, 0xf4e6);
      m.machine.apics().acknowledge(() -> 0x21);
      m.machine.apics().external().set(true);
      m.field(CpuState.GPR + 4 * 8, 0x3000);
      m.vcpu.push();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.field(CpuState.RIP)).isEqualTo(0x1102);
      m.machine.apics().external().set(false);
    }
  }

  @Test
  void aMessageInterruptsAndItsEndIsTold() throws Exception {
    // The local APIC is switched on through its registers at 0xfee000f0 by the state below; level
    // vector 0x31 -> 0:0x1100: handler writes EOI by x2APIC MSR 0x80b, leaves, then stops.
    // main: mov $0x1b,%ecx; rdmsr; or $0xc00,%eax; wrmsr; mov $0x80f,%ecx; mov $0x1ff,%eax; xor
    // %edx,%edx; wrmsr; sti; 1: hlt; jmp 1b
    try (RealModeMachine m =
        new RealModeMachine(
            0x66, 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32, 0x66, 0x0d, 0, 0x0c, 0, 0, 0x0f, 0x30, 0x66,
            0xb9, 0x0f, 8, 0, 0, 0x66, 0xb8, 0xff, 1, 0, 0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0xe6,
            0x60, 0xfb, 0xf4, 0xeb, 0xfd)) {
      int[] handler = {
        0x66, 0xb9, 0x0b, 8, 0, 0, 0x66, 0x31, 0xc0, 0x0f, 0x30, 0xe6, 0x60, 0xe6, 0xf4
      };
      for (int i = 0; i < handler.length; i++) {
        m.memory.put(0x1100 + i, 1, handler[i]);
      }
      m.memory.put(0x31 * 4, 4, 0x1100);
      m.field(CpuState.GPR + 4 * 8, 0x3000);
      m.vcpu.push();
      List<Integer> ended = new ArrayList<>();
      m.machine.apics().onEndOfInterrupt(ended::add);
      m.machine.apics().route(5, 0xfee0_0000L, 0xc031);
      // It says so when its local APIC is on.
      assertThat(m.vcpu.run()).isEqualTo(Exit.PORT_OUT);
      m.machine.apics().send(0xfee0_0000L, 0xc031);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.vcpu.exit().address).isEqualTo(RealModeMachine.STOP_PORT);
      assertThat(ended).containsExactly(0x31);
    }
  }

  @Test
  void aDoorbellRingsOnAnotherThreadWithoutAnExit() throws Exception {
    // mov $0x7fff0000-like addresses are out of reach in real mode: the bell is at 0x9800.
    CountDownLatch rung = new CountDownLatch(1);
    AtomicReference<Thread> ringer = new AtomicReference<>();
    MmioDevice bell =
        new MmioDevice() {
          @Override
          public long read(long offset, int size) {
            return 0;
          }

          @Override
          public void write(long offset, int size, long value) {
            ringer.set(Thread.currentThread());
            rung.countDown();
          }

          @Override
          public Doorbells doorbells() {
            return new Doorbells(4, 4, 2);
          }
        };
    // mov $0x700,... : movw $1,0xa004 in a hole of memory is not there; use 0x10000 by ds=0x1000:
    // mov $0x1000,%ax; mov %ax,%ds; movw $1,4; out %al,$0xf4
    try (RealModeMachine m =
        new RealModeMachine(0xb8, 0, 0x10, 0x8e, 0xd8, 0xc7, 0x06, 4, 0, 1, 0, 0xe6, 0xf4)) {
      m.mmio.attach(0x10000, 0x1000, bell);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(rung.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(ringer.get()).isNotSameAs(Thread.currentThread());
      assertThat(m.vcpu.counters()).doesNotContainKey("kvm exits MMIO");
      m.mmio.detach(bell);
      m.mmio.attach(0x10000, 0x1000, m.seen.isEmpty() ? bell : new Silent());
      m.start();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.vcpu.counters()).containsEntry("kvm exits MMIO", 1L);
    }
  }

  private static final class Silent implements MmioDevice {
    @Override
    public long read(long offset, int size) {
      return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
      // Heard by nobody.
    }
  }

  @Test
  void theDirtyLogNamesThePagesThatWereWritten() {
    // movb $1,0x2000; movb $1,0x5000; out %al,$0xf4
    try (RealModeMachine m =
            new RealModeMachine(0xc6, 0x06, 0, 0x20, 1, 0xc6, 0x06, 0, 0x50, 1, 0xe6, 0xf4);
        Buffer bitmap = new Buffer(8)) {
      MemorySlot low = m.memory.slots().getFirst();
      m.machine.vm().setMemory(0, low, true);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      m.machine.vm().dirtyLog(0, bitmap.address());
      // The page of the code may be found to be written as well.
      assertThat(RawMemory.getLong(bitmap.address()) & ~(1L << 1)).isEqualTo(1L << 2 | 1L << 5);
      m.machine.vm().dirtyLog(0, bitmap.address());
      assertThat(RawMemory.getLong(bitmap.address())).isZero();
    }
  }

  @Test
  void anMsrThatNobodyHasFaultsAndIsCounted() {
    // vector 13 -> 0:0x1100: out %al,$0xf4. main: mov $0x12345678,%ecx; rdmsr
    try (RealModeMachine m = new RealModeMachine(0x66, 0xb9, 0x78, 0x56, 0x34, 0x12, 0x0f, 0x32)) {
      m.memory.put(13 * 4, 4, 0x1100);
      m.memory.put(0x1100, 2, 0xf4e6);
      m.field(CpuState.GPR + 4 * 8, 0x3000);
      m.vcpu.push();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.field(CpuState.RIP)).isEqualTo(0x1102);
      assertThat(m.vcpu.counters()).containsEntry("unknown MSR accesses", 1L);
    }
  }

  @Test
  void memoryIsGivenBack() {
    RealModeMachine.skipWithoutKvm();
    HostMemory host = HostMemory.installed();
    assertThat(host).isNotNull();
    for (int i = 0; i < 20; i++) {
      try (GuestMemory memory = new GuestMemory()) {
        memory.addRam(0, 0x10000);
        new KvmMachine(memory).close();
      }
    }
  }

  @Test
  void aDeviceOnTheBusTakesItsPortsWithoutAnExitOfRun() {
    List<String> seen = new ArrayList<>();
    PortDevice device =
        new PortDevice() {
          @Override
          public int in(int offset, int size) {
            seen.add("in %d %d".formatted(offset, size));
            return 0xffff_ff5a;
          }

          @Override
          public void out(int offset, int size, int value) {
            seen.add("out %d %d %x".formatted(offset, size, value));
          }
        };
    // mov $0x1234,%ax; out %ax,$0x70; in $0x71,%al; out %ax,$0x73; out %al,$0xf4
    try (RealModeMachine m =
        new RealModeMachine(0xb8, 0x34, 0x12, 0xe7, 0x70, 0xe4, 0x71, 0xe7, 0x73, 0xe6, 0xf4)) {
      m.direct.attach(0x70, 4, device);
      // It runs over the end of what the device has: the board splits it.
      assertThat(m.vcpu.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.vcpu.exit().address).isEqualTo(0x73);
      assertThat(m.vcpu.exit().size).isEqualTo(2);
      assertThat(m.vcpu.exit().data).isEqualTo(0x125a);
      assertThat(seen).containsExactly("out 0 2 1234", "in 1 1");
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
    }
  }
}
