package isola.cpu.x86.fpu;

import static org.assertj.core.api.Assertions.assertThat;

import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the oracle cannot ask the host: control registers, environments, pending exceptions. */
class FloatingPointInstructionsTest {
  private final LoneProcessor p = new LoneProcessor();

  @AfterEach
  void close() {
    p.close();
  }

  private long memory(long at, int size) {
    return p.memory.get(at, size);
  }

  @Test
  void taskSwitchedMakesTheUnitUnavailable() {
    p.cpu.field(CpuState.CR0, Cr0.PE | Cr0.ET | Cr0.NE | Cr0.TS);
    assertThat(p.fault("d9 e8")).isEqualTo(Vector.NM);
    assertThat(p.fault("0f 6f c1")).isEqualTo(Vector.NM);
    assertThat(p.fault("0f 58 c1")).isEqualTo(Vector.NM);
    // FWAIT asks for MP as well.
    assertThat(p.fault("9b")).isEqualTo(-1);
    p.cpu.field(CpuState.CR0, Cr0.PE | Cr0.ET | Cr0.NE | Cr0.TS | Cr0.MP);
    assertThat(p.fault("9b")).isEqualTo(Vector.NM);
  }

  @Test
  void emulationMakesX87UnavailableAndTheOthersUndefined() {
    p.cpu.field(CpuState.CR0, Cr0.PE | Cr0.EM);
    assertThat(p.fault("d9 e8")).isEqualTo(Vector.NM);
    assertThat(p.fault("0f 6f c1")).isEqualTo(Vector.UD);
    assertThat(p.fault("0f 58 c1")).isEqualTo(Vector.UD);
  }

  @Test
  void sseWantsTheOperatingSystemsConsent() {
    p.cpu.field(CpuState.CR4, 0);
    assertThat(p.fault("0f 58 c1")).isEqualTo(Vector.UD);
    assertThat(p.fault("0f 6f c1")).isEqualTo(-1);
  }

  @Test
  void simdExceptionIsUndefinedWithoutConsent() {
    p.cpu.intField(CpuState.MXCSR, 0x1f80 & ~0x200);
    p.cpu.xmm(0, 0x3f80_0000, 0);
    assertThat(p.fault("f3 0f 5e c1")).isEqualTo(Vector.XM);
    assertThat(p.cpu.intField(CpuState.MXCSR) & 0x3f).isEqualTo(4);
    assertThat(p.cpu.xmmLow(0)).isEqualTo(0x3f80_0000);
    p.cpu.field(CpuState.CR4, Cr4.OSFXSR);
    assertThat(p.fault("f3 0f 5e c1")).isEqualTo(Vector.UD);
  }

  @Test
  void misalignedOperandFaultsWhereTheManualSaysSo() {
    p.cpu.gpr(0, 0x1008);
    assertThat(p.fault("66 0f 6f 00")).isEqualTo(Vector.GP);
    assertThat(p.fault("66 0f fe 00")).isEqualTo(Vector.GP);
    assertThat(p.fault("f3 0f 6f 00")).isEqualTo(-1);
    assertThat(p.fault("66 0f 3a 63 00 00")).isEqualTo(-1);
  }

  @Test
  void unmaskedExceptionWaitsForTheNextInstructionThatLooks() {
    p.memory.put(0x2000, 2, 0x37b);
    p.execute("d9 2d 00 20 00 00");
    p.execute("d9 e8");
    p.execute("d9 ee");
    // 1 / 0: nothing is stored.
    p.execute("de f9");
    assertThat(X87.fsw(p.cpu) & 0x8084).isEqualTo(0x8084);
    assertThat(X87.top(p.cpu)).isEqualTo(6);
    // Non-waiting instructions go through, the next waiting one faults.
    assertThat(p.fault("df e0")).isEqualTo(-1);
    assertThat(p.fault("d9 e8")).isEqualTo(Vector.MF);
    assertThat(p.fault("9b")).isEqualTo(Vector.MF);
    assertThat(p.fault("0f 6f c1")).isEqualTo(Vector.MF);
    p.execute("db e2");
    assertThat(p.fault("9b")).isEqualTo(-1);
  }

  @Test
  void environmentHasTheFormatOfModeAndSize() {
    p.cpu.rip(0x12_3456);
    p.cpu.gpr(0, 0x3000);
    p.memory.put(0x3000, 4, 0x4000_0000);
    p.execute("d8 00");
    p.execute("d9 e8");
    // A denormal operand, which is not masked.
    p.memory.put(0x2000, 2, 0x37d);
    p.execute("d9 2d 00 20 00 00");
    p.memory.put(0x3000, 4, 1);
    p.cpu.rip(0x12_3456);
    p.execute("d8 00");
    p.execute("d9 35 00 10 00 00");
    assertThat(memory(0x1000, 4)).isEqualTo(0xffff_037dL);
    // A NaN in register 0 from the empty stack, 1 in register 7.
    assertThat(memory(0x1008, 2)).isEqualTo(0x3ffe);
    assertThat(memory(0x100c, 4)).isEqualTo(0x12_3456);
    assertThat(memory(0x1010, 4) >>> 16).isEqualTo(0);
    assertThat(memory(0x1014, 4)).isEqualTo(0x3000);
    p.execute("66 d9 35 00 11 00 00");
    assertThat(memory(0x1100, 2)).isEqualTo(0x37f);
    assertThat(memory(0x1106, 2)).isEqualTo(0x3456);
    assertThat(memory(0x110a, 2)).isEqualTo(0x3000);
    assertThat(memory(0x110e, 2)).isZero();
  }

  @Test
  void onlyAnExceptionIsRememberedWithOpcodeAndOperand() {
    p.cpu.rip(0x12_3456);
    p.cpu.gpr(0, 0x3000);
    p.execute("d9 40 08");
    p.execute("d9 35 00 10 00 00");
    assertThat(memory(0x100c, 4)).isEqualTo(0x12_3456);
    assertThat(memory(0x1010, 4)).isZero();
    assertThat(memory(0x1014, 4)).isZero();
  }

  @Test
  void realModeEnvironmentHasLinearPointersAndTheOpcode() {
    p.realMode();
    p.memory.put(0x0200, 2, 0x37d);
    p.execute("d9 2e 00 02");
    p.cpu.rip(0x1234);
    p.memory.put(0x0300, 4, 1);
    // FLD dword [0x300]
    p.execute("d9 06 00 03");
    // FNSTENV [0x1000]
    p.execute("d9 36 00 10");
    assertThat(memory(0x1006, 2)).isEqualTo(0x1234);
    assertThat(memory(0x1008, 2) & 0x7ff).isEqualTo(0x100);
    assertThat(memory(0x100a, 2)).isEqualTo(0x300);
    p.execute("66 d9 36 00 11");
    assertThat(memory(0x1110, 4) & 0x7ff).isEqualTo(0x100);
    assertThat(memory(0x1114, 4) & 0xffff).isEqualTo(0x300);
  }

  @Test
  void saveInitialisesAndRestoreBringsEverythingBack() {
    p.execute("d9 eb");
    p.execute("d9 e8");
    int fsw = X87.fsw(p.cpu);
    // FNSAVE [0x1000]
    p.execute("dd 35 00 10 00 00");
    assertThat(X87.fsw(p.cpu)).isZero();
    assertThat(X87.tags(p.cpu)).isZero();
    assertThat(X87.fcw(p.cpu)).isEqualTo(0x37f);
    assertThat(memory(0x101c, 8)).isEqualTo(Long.MIN_VALUE);
    assertThat(memory(0x1024, 2)).isEqualTo(0x3fff);
    p.execute("dd 25 00 10 00 00");
    assertThat(X87.fsw(p.cpu)).isEqualTo(fsw);
    assertThat(X87.empty(p.cpu, 1)).isFalse();
    assertThat(X87.empty(p.cpu, 2)).isTrue();
    assertThat(X87.significand(p.cpu, 1)).isEqualTo(0xc90f_daa2_2168_c235L);
  }

  @Test
  void loadedEnvironmentWithAnExceptionFaultsNext() {
    p.execute("d9 35 00 10 00 00");
    p.memory.put(0x1000, 2, 0x37e);
    p.memory.put(0x1004, 2, 1);
    p.execute("d9 25 00 10 00 00");
    assertThat(p.fault("d9 e8")).isEqualTo(Vector.MF);
  }

  @Test
  void mmxUsesPhysicalRegistersAndTagsThemAll() {
    p.execute("d9 e8");
    p.execute("d9 eb");
    // TOP is 6: ST(0) is physical register 6, MM6.
    p.execute("0f 6f c6");
    assertThat(X87.top(p.cpu)).isZero();
    assertThat(X87.tags(p.cpu)).isEqualTo(0xff);
    assertThat(X87.significand(p.cpu, 0)).isEqualTo(0xc90f_daa2_2168_c235L);
    assertThat(X87.se(p.cpu, 0)).isEqualTo(0xffff);
    p.execute("0f 77");
    assertThat(X87.tags(p.cpu)).isZero();
  }

  @Test
  void upperHalvesOfYmmAreLeftAlone() {
    p.cpu.field(CpuState.YMM_HIGH, 0x1122_3344_5566_7788L);
    p.execute("66 0f ef c0");
    p.execute("0f 28 c1");
    assertThat(p.cpu.field(CpuState.YMM_HIGH)).isEqualTo(0x1122_3344_5566_7788L);
  }

  @Test
  void reservedControlBitsAreRefused() {
    p.memory.put(0x1000, 4, 0x1_0000);
    assertThat(p.fault("0f ae 15 00 10 00 00")).isEqualTo(Vector.GP);
    assertThat(p.cpu.intField(CpuState.MXCSR)).isEqualTo(0x1f80);
    p.memory.put(0x1000, 4, 0xffff);
    assertThat(p.fault("0f ae 15 00 10 00 00")).isEqualTo(-1);
  }
}
