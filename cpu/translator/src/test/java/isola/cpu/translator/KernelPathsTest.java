package isola.cpu.translator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import isola.core.cpu.CpuEngine;
import isola.core.cpu.Exit;
import isola.cpu.x86.interpreter.InterpreterEngine;
import isola.cpu.x86.state.CpuState;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a kernel does to itself: the same on interpreter and translator, and on the latter in
 * generated code.
 */
@Timeout(60)
final class KernelPathsTest {
  /**
   * At 10000h, level 0; three hundred times: registers of x87 and SSE in changing states, XSAVES
   * and XRSTORS with changing components and areas, in a page, across two that are neighbours on
   * the host and across two that are not; a load from an absent page, an addition to a read-only
   * one, a call to an absent one, absent by INVLPG or by a write of CR3; pages that change places.
   * R12 sums up what was loaded, the areas, and the frames that the handler of page faults saw, AF
   * aside; that makes the page present and writable.
   */
  private static final String KERNEL =
      """
      4531e431eddbe30fae157a020000660f6edd66440f70cb1b40f6c5017402d9e840f6c50274070fae155f0200
      0089e883e00683f80675380f57c00f57c90f57d20f57db0f57e40f57ed0f57f60f57ff450f57c0450f57c945
      0f57d2450f57db450f57e4450f57ed450f57f6450f57ff89e831d2b906000000f7f1488d1d0f0200004c6304
      934c89c7b96900000031c0fcf348abbaffffffffb80700000040f6c5047405b8ffffffff490fc728410f10d9
      dbe3d9eb0fae15d1010000b80700000040f6c5087405b80300000031d2490fc7180fae1c25007020008b0425
      0070200049c1c4074901c4dfe00fb7c049c1c4074901c466480f7ed849c1c4074901c4440f110c2510702000
      488b04251870200049c1c4074901c4b969000000498b44c8f849c1c4074901c4ffc975f04883242550400000
      fe0f013c2500a02000488b042510a0200049c1c4074901c44883242558400000fdbf00b020000f017f184801
      6f184883242560400000fe0f20d80f22d8488b042510c0200049c1c4074901c485ed7508c6042540d02000c3
      4883242568400000fe0f013c2500d02000bb40d02000ffd3488b042570400000483500100000488904257040
      00000f20d80f22d8488b042520e0200049c1c4074901c4488b04257040000048350010000048890425704000
      000f013c2500e02000488b042520e0200049c1c4074901c4ffc581fd2c0100000f85fbfdfffff4500f20d049
      c1c4074901c4488b44240849c1c4074901c4488b44241049c1c4074901c4488b44241849c1c4074901c4488b
      4424204883e0ef49c1c4074901c4488b44242849c1c4074901c4488b44243049c1c4074901c40f20d048c1e8
      0c25ff01000048830cc500400000030f20d00f013858488d64240848cf0f1f00801f0000a11f000000402000
      804c2000004d2000c04d2000004e2000005e2000
      """;

  private static final int HANDLER = 0x1020b;
  private static final int IDT = 0x18100;
  private static final int GDT = 0x18300;

  /** PAE, PGE, OSFXSR, OSXMMEXCPT, OSXSAVE. */
  private static final long CR4 = 0x406a0;

  /** Rights of pages: present, writable, accessed, dirty. */
  private static final int RIGHTS = 0x63;

  private static String run(CpuEngine engine, boolean generated) {
    try (BareMachine machine = new BareMachine(engine)) {
      machine.prepare(HexFormat.of().parseHex(KERNEL.replaceAll("\\s", "")), 5);
      machine.memory.put(0x3000, 8, 0x1e3);
      for (int i = 0; i < 512; i++) {
        int to = i == 6 ? 9 : i == 9 ? 6 : i;
        machine.memory.put(0x4000 + i * 8L, 8, BareMachine.DATA + to * 4096L | RIGHTS);
      }
      machine.memory.put(0x2000, 8, 0x3027);
      machine.memory.put(0x1000, 8, 0x2027);
      machine.memory.put(0x3008, 8, 0x4027);
      machine.memory.put(GDT + 8, 8, 0x00af_9b00_0000_ffffL);
      machine.memory.put(GDT + 16, 8, 0x00cf_9300_0000_ffffL);
      machine.memory.put(IDT + 14 * 16L, 8, 0x8e00_0008_0000L | HANDLER & 0xffff | 1L << 48);
      machine.memory.put(IDT + 14 * 16L + 8, 8, 0);
      machine.field(CpuState.GDTR_BASE, GDT);
      machine.field(CpuState.GDTR_LIMIT, 23);
      machine.field(CpuState.IDTR_BASE, IDT);
      machine.field(CpuState.IDTR_LIMIT, 511);
      int task = CpuState.SEGMENTS + 7 * CpuState.SEGMENT_SIZE;
      machine.field(task + CpuState.SEGMENT_LIMIT, 0x67);
      machine.field(CpuState.XCR0, 7);
      machine.field(CpuState.CR0, machine.field(CpuState.CR0) | 1 << 16);
      machine.field(CpuState.CR4, CR4);
      machine.vcpu.push();
      Exit exit = machine.run();
      assertThat(exit).isEqualTo(Exit.HALT);
      assertThat(machine.field(CpuState.GPR + 5 * 8)).as("rounds").isEqualTo(300);
      if (generated) {
        Map<String, Long> counters = machine.vcpu.counters();
        assertThat(counters.get("page faults")).isEqualTo(4 * 300);
        assertThat(counters.get("page faults in generated code")).isGreaterThan(4 * 300 - 20);
        assertThat(counters.getOrDefault("aided INVLPG", 0L)).isLessThan(10);
        assertThat(counters.getOrDefault("aided IRET", 0L)).isLessThan(10);
        assertThat(counters.getOrDefault("aided MOV", 0L)).isLessThan(10);
        // An area that may be in two pages that are no neighbours is Java's.
        assertThat(counters.getOrDefault("aided XSAVES", 0L)).isLessThan(200);
      }
      return machine.outcome(exit);
    }
  }

  @Test
  void kernelEndsAlikeOnBothEngines() {
    TranslatorEngine translator = new TranslatorEngine();
    assumeTrue(translator.unavailable().isEmpty(), "the translator cannot run here");
    assertThat(run(translator, true)).isEqualTo(run(new InterpreterEngine(), false));
  }
}
