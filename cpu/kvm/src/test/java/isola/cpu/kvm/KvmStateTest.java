package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuVm;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.XsaveSpec;
import isola.cpu.x86.state.BegunEvent;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** State of a processor and of a machine on KVM that others than its guest see or set. */
@Timeout(60)
class KvmStateTest {
  private static final int AX = 0;
  private static final int DX = 2;
  private static final int BX = 3;
  private static final int SP = 4;
  private static final int HANDLER = 0x1100;
  private static final int UNDEFINED = 0x1200;

  // 1: rdtsc; out %al,$0xf4; jmp 1b
  private static final int[] CLOCK = {0x0f, 0x31, 0xe6, 0xf4, 0xeb, 0xfa};

  private static long tsc(RealModeMachine m) {
    assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
    return (m.register(DX) & 0xffff_ffffL) << 32 | (m.register(AX) & 0xffff_ffffL);
  }

  @Test
  void theGuestsTimeStandsStillInAPause() throws Exception {
    try (RealModeMachine m = new RealModeMachine(CLOCK)) {
      long hz = m.wiring.tscHz();
      long first = tsc(m);
      TimeUnit.MILLISECONDS.sleep(400);
      long second = tsc(m);
      assertThat(second - first).as("it goes on by itself").isGreaterThan(hz * 4 / 10);
      long clock = m.machine.vm().clock();
      m.machine.paused();
      TimeUnit.SECONDS.sleep(2);
      m.machine.resumed();
      assertThat(m.machine.vm().clock() - clock).isBetween(1L, 1_000_000_000L);
      long third = tsc(m);
      Assumptions.assumeTrue(m.vcpu.vcpu().addToTsc(-1), "this KVM moves no counters");
      assertThat(third - second).isBetween(1L, hz);
    }
  }

  @Test
  void pagesThatGuestAndDevicesWriteAreNamedOnce() {
    // 1: movb $1,0x2000; movb $1,0x5000; out %al,$0xf4; jmp 1b
    try (RealModeMachine m =
        new RealModeMachine(
            0xc6, 0x06, 0, 0x20, 1, 0xc6, 0x06, 0, 0x50, 1, 0xe6, 0xf4, 0xeb, 0xf2)) {
      assertThat(m.machine.logWrites(true)).isTrue();
      assertThat(written(m)).isEmpty();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      m.memory.put(0xb008, 4, 7);
      // A processor may find more to be written than was, such as the page of the code.
      assertThat(written(m)).contains(0x2000L, 0x5000L, 0xb000L).doesNotContain(0x3000L, 0xc000L);
      assertThat(written(m)).isEmpty();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(written(m)).contains(0x2000L, 0x5000L).doesNotContain(0x3000L, 0xb000L);
      assertThat(m.machine.logWrites(false)).isTrue();
      m.memory.put(0xb008, 4, 8);
      assertThat(m.memory.get(0xb008, 4)).isEqualTo(8);
    }
  }

  private static List<Long> written(RealModeMachine m) {
    List<Long> pages = new ArrayList<>();
    m.machine.writtenPages(pages::add);
    return pages;
  }

  @Test
  void anEventWhoseDeliveryWasBegunIsGoneThroughWith() {
    // main: out %al,$0xf4 at once; vector 0x21's handler: inc %ax; out %al,$0xf4
    for (int type :
        new int[] {BegunEvent.TYPE_EXTERNAL, BegunEvent.TYPE_NMI, BegunEvent.TYPE_EXCEPTION}) {
      int vector =
          switch (type) {
            case BegunEvent.TYPE_EXTERNAL -> 0x21;
            case BegunEvent.TYPE_NMI -> 2;
            default -> 6;
          };
      try (RealModeMachine m = new RealModeMachine(0xe6, 0xf4);
          CpuVm software = new InterpreterEngine().create(m.memory);
          Vcpu interpreter = software.createVcpu(m.wiring)) {
        m.memory.put(vector * 4L, 4, HANDLER);
        m.memory.put(HANDLER, 4, 0x00f4_e640L);
        m.field(CpuState.GPR + 8 * SP, 0x3000);
        m.field(CpuState.EVENT, (BegunEvent.VALID | type | vector) & 0xffff_ffffL);
        m.vcpu.push();
        m.field(CpuState.EVENT, 0);
        m.vcpu.pull();
        assertThat((int) m.field(CpuState.EVENT)).isEqualTo(BegunEvent.VALID | type | vector);
        interpreter.reset();
        RawMemory.copy(m.vcpu.state(), interpreter.state(), CpuState.APIC_BASE);
        interpreter.push();
        assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
        assertThat(m.field(CpuState.RIP)).isEqualTo(HANDLER + 3);
        assertThat(m.register(AX)).isEqualTo(1);
        assertThat((int) m.field(CpuState.EVENT)).isZero();
        assertThat(m.run(interpreter)).isEqualTo(Exit.KICK);
        assertThat(RawMemory.getLong(interpreter.state() + CpuState.RIP)).isEqualTo(HANDLER + 3);
      }
    }
  }

  @Test
  void aVectorOfThe8259AsThatWaitsInsideMovesToAnotherEngine() {
    // main: nop; out %al,$0x60; out %al,$0xf4; vector 0x21's handler: inc %ax; out %al,$0xf4
    try (RealModeMachine m = new RealModeMachine(0x90, 0xe6, 0x60, 0xe6, 0xf4);
        CpuVm software = new InterpreterEngine().create(m.memory);
        Vcpu interpreter = software.createVcpu(m.wiring)) {
      m.memory.put(0x21 * 4L, 4, HANDLER);
      m.memory.put(HANDLER, 4, 0x00f4_e640L);
      m.field(CpuState.GPR + 8 * SP, 0x3000);
      m.field(CpuState.RFLAGS, 0x202);
      m.vcpu.push();
      m.vcpu.transfer().given().give(0x21);
      m.vcpu.pull();
      int waits = BegunEvent.VALID | BegunEvent.TYPE_EXTERNAL | 0x21;
      assertThat((int) m.field(CpuState.EVENT)).isEqualTo(waits);
      interpreter.reset();
      RawMemory.copy(m.vcpu.state(), interpreter.state(), CpuState.APIC_BASE);
      interpreter.push();
      assertThat(m.run(interpreter)).isEqualTo(Exit.KICK);
      assertThat(RawMemory.getLong(interpreter.state() + CpuState.RIP)).isEqualTo(HANDLER + 3);
      // Put back where it waits anyway, it comes once.
      m.seen.clear();
      m.vcpu.push();
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.field(CpuState.RIP)).isEqualTo(HANDLER + 3);
      assertThat((int) m.field(CpuState.EVENT)).isZero();
      assertThat(m.memory.get(0x3000 - 6, 2)).as("pushed IP").isEqualTo(RealModeMachine.CODE);
      assertThat(m.register(SP) & 0xffff).as("pushed once").isEqualTo(0x3000 - 6);
      assertThat(m.seen).containsExactly("out 0 1 1");
    }
  }

  @Test
  void aVectorOfThe8259AsIsNotLostToAnNmiThatComesBeforeTheGuestIsEntered() {
    // Main: nop; nop; out %al,$0xf4. Vector 0x21's handler: inc %ax; out %al,$0xf4; 1: jmp 1b.
    // NMI's:
    // inc %bx; out %al,$0xf4; iret
    for (boolean entered : new boolean[] {false, true}) {
      try (RealModeMachine m = new RealModeMachine(0x90, 0x90, 0xe6, 0xf4);
          CpuVm software = new InterpreterEngine().create(m.memory);
          Vcpu interpreter = software.createVcpu(m.wiring)) {
        m.memory.put(0x21 * 4L, 4, HANDLER);
        m.memory.put(HANDLER, 8, 0xfe_ebf4_e640L);
        m.memory.put(2 * 4L, 4, UNDEFINED);
        m.memory.put(UNDEFINED, 4, 0xcff4_e643L);
        m.field(CpuState.GPR + 8 * SP, 0x3000);
        m.field(CpuState.RFLAGS, 0x202);
        m.vcpu.push();
        m.vcpu.transfer().given().give(0x21);
        m.vcpu.nmi();
        if (entered) {
          // In one of the handlers, with what the other is for on its way or interrupted.
          assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
          assertThat(m.register(AX) + m.register(BX)).isEqualTo(1);
        } else {
          m.vcpu.pull();
        }
        interpreter.reset();
        RawMemory.copy(m.vcpu.state(), interpreter.state(), CpuState.APIC_BASE);
        interpreter.push();
        for (int stops = entered ? 1 : 0; stops < 2; stops++) {
          assertThat(m.run(interpreter)).isEqualTo(Exit.KICK);
        }
        long gpr = interpreter.state() + CpuState.GPR;
        assertThat(RawMemory.getLong(gpr + 8 * BX)).as("NMIs, entered %b", entered).isEqualTo(1);
        assertThat(RawMemory.getLong(gpr + 8 * AX)).as("vectors").isEqualTo(1);
      }
    }
  }

  @Test
  void aVectorThatIsGivenEndsAHalt() {
    // Main: sti; hlt. Vector 0x21's handler: inc %ax; out %al,$0xf4
    try (RealModeMachine m = new RealModeMachine(0xfb, 0xf4, 0xf4)) {
      m.memory.put(0x21 * 4L, 4, HANDLER);
      m.memory.put(HANDLER, 4, 0x00f4_e640L);
      m.machine.apics().acknowledge(() -> 0x21);
      m.field(CpuState.GPR + 8 * SP, 0x3000);
      m.vcpu.push();
      Thread _ =
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    LockSupport.parkNanos(200_000_000);
                    m.machine.apics().external().set(true);
                  });
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      m.machine.apics().external().set(false);
      assertThat(m.register(AX)).isEqualTo(1);
      assertThat(m.field(CpuState.RIP)).isEqualTo(HANDLER + 3);
      assertThat(m.memory.get(0x3000 - 6, 2)).as("behind HLT").isEqualTo(RealModeMachine.CODE + 2);
    }
  }

  @Test
  void aVectorThatIsGivenAfterAnAccessInterruptsBehindIt() {
    // vector 0x21's handler: mov %sp,%bp; mov (%bp),%ax; out %al,$0xf4. Main: sti; 1: in $0x60,%al;
    // jmp 1b
    try (RealModeMachine m = new RealModeMachine(0xfb, 0xe4, 0x60, 0xeb, 0xfc)) {
      m.memory.put(0x21 * 4L, 4, HANDLER);
      m.memory.put(HANDLER, 8, 0x00f4_e600_468b_e589L);
      m.machine.apics().acknowledge(() -> 0x21);
      m.field(CpuState.GPR + 8 * SP, 0x3000);
      m.vcpu.push();
      assertThat(m.vcpu.run()).isEqualTo(Exit.PORT_IN);
      m.vcpu.exit().data = 0x77;
      m.machine.apics().external().set(true);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      m.machine.apics().external().set(false);
      assertThat(m.field(CpuState.RIP)).isEqualTo(HANDLER + 7);
      assertThat(m.register(AX) & 0xffff).isEqualTo(RealModeMachine.CODE + 3);
      assertThat((int) m.field(CpuState.EVENT)).isZero();
    }
  }

  @Test
  void pageDirectoryPointersThatMemoryNoLongerHasStayTheProcessors() {
    try (RealModeMachine m = new RealModeMachine(0xe6, 0xf4)) {
      m.paePaging();
      m.vcpu.pull();
      Assumptions.assumeTrue(
          m.field(CpuState.PDPTE_CR3) != 0, "this KVM does not tell page directory pointers");
      assertThat(m.field(CpuState.PDPTE)).isEqualTo(RealModeMachine.PAGE_DIRECTORY | 1);
      m.field(CpuState.PDPTE + 8, RealModeMachine.PAGE_DIRECTORY | 1);
      m.vcpu.push();
      m.field(CpuState.PDPTE + 8, 0);
      m.vcpu.pull();
      Assumptions.assumeTrue(
          m.field(CpuState.PDPTE + 8) != 0, "this processor takes them from memory at any time");
      assertThat(m.field(CpuState.PDPTE + 8)).isEqualTo(RealModeMachine.PAGE_DIRECTORY | 1);
    }
  }

  @Test
  void theLocalApicMovesToAnotherMachine() {
    // mov $0x1b,%ecx; rdmsr; or $0xc00,%eax; wrmsr; mov $0x80f,%ecx; mov $0x1ff,%eax; xor
    // %edx,%edx; wrmsr; mov $0x832,%ecx; mov $0x40031,%eax; wrmsr; out %al,$0xf4; then
    // mov $0x832,%ecx; rdmsr; out %al,$0xf4
    int[] program = {
      0x66, 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32, 0x66, 0x0d, 0, 0x0c, 0, 0, 0x0f, 0x30, 0x66, 0xb9,
      0x0f, 8, 0, 0, 0x66, 0xb8, 0xff, 1, 0, 0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0x66, 0xb9, 0x32, 8,
      0, 0, 0x66, 0xb8, 0x31, 0, 4, 0, 0x0f, 0x30, 0xe6, 0xf4, 0x66, 0xb9, 0x32, 8, 0, 0, 0x0f,
      0x32, 0xe6, 0xf4
    };
    try (RealModeMachine from = new RealModeMachine(program);
        RealModeMachine to = new RealModeMachine(program)) {
      assertThat(from.run()).isEqualTo(Exit.PORT_OUT);
      // TSC-deadline mode with vector 31h, and a deadline far away.
      assertThat((int) from.field(CpuState.LOCAL_APIC + 0x320)).isEqualTo(0x40031);
      assertThat((int) from.field(CpuState.LOCAL_APIC + 0xf0) & 0x1ff).isEqualTo(0x1ff);
      from.field(CpuState.TSC_DEADLINE, 1L << 60);
      RawMemory.copy(from.vcpu.state(), to.vcpu.state(), CpuState.ARCHITECTURAL_SIZE);
      to.vcpu.push();
      assertThat(to.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(to.register(AX) & 0xffff_ffffL).isEqualTo(0x40031);
      assertThat(to.field(CpuState.TSC_DEADLINE)).isEqualTo(1L << 60);
    }
  }

  @Test
  void wideVectorRegistersGoInAndOut() {
    Assumptions.assumeTrue(new KvmEngine().level() >= 3, "this host offers no AVX to guests");
    try (RealModeMachine m = new RealModeMachine(CpuModel.v3(), 0xe6, 0xf4)) {
      m.field(CpuState.XCR0, XsaveSpec.X87 | XsaveSpec.SSE | XsaveSpec.AVX);
      m.field(CpuState.YMM_HIGH + 16, 0x1122_3344_5566_7788L);
      m.field(CpuState.XMM + 16, 0x99aa_bbccL);
      m.vcpu.push();
      m.field(CpuState.YMM_HIGH + 16, 0);
      m.field(CpuState.XMM + 16, 0);
      m.field(CpuState.XCR0, 0);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.field(CpuState.YMM_HIGH + 16)).isEqualTo(0x1122_3344_5566_7788L);
      assertThat(m.field(CpuState.XMM + 16)).isEqualTo(0x99aa_bbccL);
      assertThat(m.field(CpuState.XCR0)).isEqualTo(7);
    }
  }

  @Test
  void theHypercallsThatCpuidOffersAreServed() {
    // Switches its x2APIC on as above; then KVM_HC_SEND_IPI of vector 31h to processor 0:
    // mov $10,%eax; mov $1,%ebx; xor %ecx,%ecx; xor %edx,%edx; mov $0x31,%esi; vmcall or vmmcall;
    // out %al,$0x60; sti; 1: hlt; jmp 1b
    int[] program = {
      0x66, 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32, 0x66, 0x0d, 0, 0x0c, 0, 0, 0x0f, 0x30, 0x66, 0xb9,
      0x0f, 8, 0, 0, 0x66, 0xb8, 0xff, 1, 0, 0, 0x66, 0x31, 0xd2, 0x0f, 0x30, 0x66, 0xb8, 10, 0, 0,
      0, 0x66, 0xbb, 1, 0, 0, 0, 0x66, 0x31, 0xc9, 0x66, 0x31, 0xd2, 0x66, 0xbe, 0x31, 0, 0, 0,
      0x0f, 0x01, 0xd9, 0xe6, 0x60, 0xfb, 0xf4, 0xeb, 0xfd
    };
    try (RealModeMachine m = new RealModeMachine(program)) {
      m.memory.put(0x31 * 4, 4, HANDLER);
      m.memory.put(HANDLER, 2, 0xf4e6);
      m.field(CpuState.GPR + 8 * SP, 0x3000);
      m.vcpu.push();
      // #UD, should this host's KVM emulate no hypercall: out %al,$0xf4 elsewhere.
      m.memory.put(6 * 4, 4, UNDEFINED);
      m.memory.put(UNDEFINED, 2, 0xf4e6);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      Assumptions.assumeTrue(
          m.field(CpuState.RIP) != UNDEFINED + 2, "this host's KVM emulates no hypercall");
      // It returns how many it reached.
      assertThat(m.seen).first().isEqualTo("out 0 1 1");
      assertThat(m.field(CpuState.RIP)).isEqualTo(HANDLER + 2);
    }
  }
}
