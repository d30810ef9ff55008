package isola.cpu.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.CpuVm;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.state.CpuState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest that begins on one engine and goes on where it was on another. */
@Timeout(60)
class EngineChangeTest {
  // mov $0x1234,%ax; mov %ax,%es; mov $7,%cx; fld1; fldpi; movd %ecx... ; out %al,$0xf4; add
  // %cx,%ax;
  // stc; rcl $1,%bx; out %al,$0xf4; jmp back to the second stop
  private static final int[] PROGRAM = {
    0xb8, 0x34, 0x12, 0x8e, 0xc0, 0xb9, 7, 0, 0xd9, 0xe8, 0xd9, 0xeb, 0xe6, 0xf4, 0x01, 0xc8, 0xf9,
    0xd1, 0xd3, 0xe6, 0xf4, 0x40, 0xe6, 0xf4
  };
  private static final int PI_HIGH = 0x4000;

  @Test
  void fromTheInterpreterToKvmAndBack() {
    try (RealModeMachine m = new RealModeMachine(PROGRAM);
        CpuVm software = new InterpreterEngine().create(m.memory);
        Vcpu interpreter = software.createVcpu(m.wiring)) {
      give(m.vcpu, interpreter);
      assertThat(m.run(interpreter)).isEqualTo(Exit.KICK);
      give(interpreter, m.vcpu);
      assertThat(m.run()).isEqualTo(Exit.PORT_OUT);
      assertThat(m.register(0)).isEqualTo(0x123b);
      assertThat(m.register(3)).isEqualTo(1);
      assertThat(m.field(CpuState.SEGMENTS + CpuState.SEGMENT_BASE)).isEqualTo(0x12340);
      assertThat(m.field(CpuState.ST + 8) & 0xffff).isEqualTo(PI_HIGH);
      give(m.vcpu, interpreter);
      assertThat(m.run(interpreter)).isEqualTo(Exit.KICK);
      long state = interpreter.state();
      assertThat(RawMemory.getLong(state + CpuState.GPR)).isEqualTo(0x123c);
      assertThat(RawMemory.getLong(state + CpuState.RIP))
          .isEqualTo(RealModeMachine.CODE + PROGRAM.length);
      assertThat(RawMemory.getLong(state + CpuState.ST + 8) & 0xffff).isEqualTo(PI_HIGH);
    }
  }

  /** The architectural part of the state, but for the local APIC that only KVM has inside. */
  private static void give(Vcpu from, Vcpu to) {
    from.pull();
    to.pull();
    RawMemory.copy(from.state(), to.state(), CpuState.APIC_BASE);
    to.push();
  }
}
