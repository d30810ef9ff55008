package isola.cpu.x86.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.bus.MmioDevice;
import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.Rflags;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.Activity;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class InterpreterTest {
  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;
  private static final int RBX = 3;
  private static final int RSI = 6;
  private static final int RDI = 7;
  private static final int R8 = 8;

  @Test
  void sumsAndCountsInstructions() {
    try (Guest guest = new Guest()) {
      // xor eax,eax; mov ecx,100; 1: add rax,rcx; dec ecx; jnz 1b; hlt
      guest.program(Guest.CODE, "31c0 b964000000 4801c8 ffc9 75f9 f4");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.get(cpu, RAX)).isEqualTo(5050);
      assertThat(Guest.field(cpu, CpuState.INSTRUCTIONS)).isEqualTo(2 + 300 + 1);
      assertThat(Guest.field(cpu, CpuState.RFLAGS) & Rflags.STATUS)
          .isEqualTo(Rflags.ZF | Rflags.PF);
    }
  }

  @Test
  void codeThatChangesItselfTakesEffectAtTheNextInstruction() {
    try (Guest guest = new Guest()) {
      // lea rbx,[1f]; mov byte [rbx+1],42; 1: mov eax,1; then a loop whose MOV ESI,n it rewrites
      guest.program(
          Guest.CODE,
          "488d1d04000000 c643012a b801000000 31c9 31d2"
              + "be00000000 01f2 ffc1 890df2ffffff 83f90a 75ec f4");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.get(cpu, RAX)).isEqualTo(42);
      assertThat(Guest.get(cpu, RDX)).isEqualTo(45);
    }
  }

  @Test
  void codeWrittenByADeviceIsSeen() {
    try (Guest guest = new Guest()) {
      guest.program(Guest.CODE, "b801000000 f4 ebf8");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.get(cpu, RAX)).isEqualTo(1);
      guest.memory.put(Guest.CODE + 1, 4, 77);
      guest.waiting.set(-1);
      // Leave the halt: make it go on at the jump back.
      RawMemory.putInt(cpu.state() + CpuState.ACTIVITY, 0);
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.get(cpu, RAX)).isEqualTo(77);
    }
  }

  @Test
  void codeWrittenByAnotherProcessorIsSeen() throws InterruptedException {
    try (Guest guest = new Guest()) {
      // Waits for the other to rewrite it: 1: mov eax,0; test eax,eax; jz 1b; hlt
      guest.program(Guest.CODE, "b800000000 85c0 74f7 f4");
      // mov ecx,10000000; 1: dec ecx; jnz 1b; mov dword [rdi],7; hlt
      guest.program(Guest.CODE + 0x2000, "b980969800 ffc9 75fc c70707000000 f4");
      Vcpu waits = guest.vcpu();
      Vcpu writes = guest.vcpu();
      RawMemory.putLong(writes.state() + CpuState.RIP, Guest.CODE + 0x2000);
      Guest.set(writes, RDI, Guest.CODE + 1);
      writes.push();
      Thread other = new Thread(writes::run);
      other.start();
      assertThat(waits.run()).isEqualTo(Exit.HALT);
      other.join();
      assertThat(Guest.get(waits, RAX)).isEqualTo(7);
    }
  }

  @Test
  void lockedInstructionsOfTwoProcessorsAddUp() throws InterruptedException {
    try (Guest guest = new Guest()) {
      // 1: lock inc dword [rdi]; lock xadd [rdi+4],eax; dec rcx; jnz 1b; hlt
      guest.program(Guest.CODE, "f0ff07 f00fc14704 48ffc9 75f3 f4");
      List<Thread> threads = new ArrayList<>();
      // An aligned word, one that is not, and one that crosses eight bytes and a page.
      long[] places = {0x2_0000, 0x2_1001, 0x2_1ffe};
      for (int i = 0; i < 2; i++) {
        Vcpu cpu = guest.vcpu();
        Thread thread =
            new Thread(
                () -> {
                  for (long place : places) {
                    RawMemory.putLong(cpu.state() + CpuState.RIP, Guest.CODE);
                    RawMemory.putInt(cpu.state() + CpuState.ACTIVITY, 0);
                    Guest.set(cpu, RDI, place);
                    Guest.set(cpu, RCX, place == 0x2_1ffe ? 2000 : 100_000);
                    Guest.set(cpu, RAX, 0);
                    cpu.push();
                    cpu.run();
                  }
                });
        threads.add(thread);
      }
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(guest.memory.get(0x2_0000, 4)).isEqualTo(200_000);
      assertThat(guest.memory.get(0x2_1001, 4)).isEqualTo(200_000);
      assertThat(guest.memory.get(0x2_1ffe, 4)).isEqualTo(4000);
    }
  }

  @Test
  void ofTwoNonMaskableInterruptsNoneIsLost() throws InterruptedException {
    try (Guest guest = new Guest()) {
      // 1: cmp dword [rsi],0; jz 1b; hlt; and the handler: inc qword [rdi]; iretq
      guest.program(Guest.CODE, "833e00 74fb f4");
      guest.program(Guest.HANDLER + Vector.NMI * 16, "48ff07 48cf");
      long host = guest.memory.slots().getFirst().hostAddress();
      Vcpu cpu = guest.vcpu();
      Guest.set(cpu, RDI, 0x2_0000);
      Guest.set(cpu, RSI, 0x2_1000);
      cpu.push();
      Thread other = new Thread(cpu::run);
      other.start();
      int sent = 0;
      int taken = 0;
      boolean handling;
      // One that comes while the first is being taken must not be forgotten.
      for (int round = 0; round < 10_000 && taken == sent; round++) {
        cpu.nmi();
        cpu.nmi();
        sent += 2;
        long late = System.nanoTime() + 10_000_000_000L;
        do {
          Thread.onSpinWait();
          taken = RawMemory.getIntVolatile(host + 0x2_0000);
          // While one is being handled, only one more is kept.
          handling = RawMemory.getIntVolatile(cpu.state() + CpuState.NMI_BLOCKED) != 0;
        } while ((taken != sent || handling) && System.nanoTime() < late);
      }
      RawMemory.putIntVolatile(host + 0x2_1000, 1);
      other.join();
      assertThat(taken).isEqualTo(sent);
    }
  }

  @Test
  void aKickEndsTheHaltOfAProcessorThatTakesNoInterrupts() {
    try (Guest guest = new Guest()) {
      // 1: inc eax; hlt; jmp 1b
      guest.program(Guest.CODE, "ffc0 f4 ebfb");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(cpu.runnable()).isFalse();
      cpu.unhalt();
      assertThat(cpu.runnable()).isTrue();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.get(cpu, RAX)).isEqualTo(2);
      assertThat(cpu.runnable()).as("again").isFalse();
    }
  }

  @Test
  void aStoreThatFaultsOnItsSecondPageWritesNothing() {
    try (Guest guest = new Guest()) {
      // mov rax,-1; mov [rdi],rax; hlt
      guest.program(Guest.CODE, "48c7c0ffffffff 488907 f4");
      guest.memory.put(Guest.PAGES + 0x31 * 8, 8, 0);
      Vcpu cpu = guest.vcpu();
      Guest.set(cpu, RDI, 0x3_0ffc);
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.vector(cpu)).isEqualTo(14);
      assertThat(Guest.field(cpu, CpuState.CR2)).isEqualTo(0x3_1000);
      assertThat(guest.memory.get(0x3_0ffc, 4)).isZero();
      long frame = Guest.get(cpu, 4);
      assertThat(guest.memory.get(frame, 8)).as("error code").isEqualTo(2);
      assertThat(guest.memory.get(frame + 8, 8)).as("RIP").isEqualTo(Guest.CODE + 7);
      // The page that was there was accessed and is dirty only if something was written.
      assertThat(Guest.field(cpu, CpuState.INSTRUCTIONS)).isEqualTo(2);
    }
  }

  @Test
  void accessedAndDirtyBitsAreSet() {
    try (Guest guest = new Guest()) {
      // mov eax,[rdi]; mov [rsi],eax; hlt
      guest.program(Guest.CODE, "8b07 8906 f4");
      Vcpu cpu = guest.vcpu();
      Guest.set(cpu, RDI, 0x4_0000);
      Guest.set(cpu, RSI, 0x4_1000);
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(guest.memory.get(Guest.PAGES + 0x40 * 8, 8)).isEqualTo(0x4_0000 | 0x23);
      assertThat(guest.memory.get(Guest.PAGES + 0x41 * 8, 8)).isEqualTo(0x4_1000 | 0x63);
      assertThat(guest.memory.get(Guest.PAGES + 0x42 * 8, 8)).isEqualTo(0x4_2000 | 3);
    }
  }

  @Test
  void stringsDownwardsCopyElementByElement() {
    Random random = new Random(11);
    try (Guest guest = new Guest()) {
      Vcpu cpu = guest.vcpu();
      for (int i = 0; i < 200; i++) {
        int size = 1 << i % 4;
        boolean fills = i % 5 == 0;
        String opcode = size == 1 ? (fills ? "aa" : "a4") : fills ? "ab" : "a5";
        String prefix = size == 8 ? "f348" : size == 2 ? "66f3" : "f3";
        // std; rep movs or stos; cld; hlt
        guest.program(Guest.CODE, "fd" + prefix + opcode + "fcf4");
        byte[] memory = new byte[0x6000];
        random.nextBytes(memory);
        guest.memory.write(0x5_0000, memory, 0, memory.length);
        int count = random.nextInt(1, 0x2000 / size);
        int from = 0x2000 + random.nextInt(0x2000);
        int to = i % 3 == 0 ? from + random.nextInt(-40, 40) : 0x2000 + random.nextInt(0x2000);
        Guest.set(cpu, RSI, 0x5_0000 + from);
        Guest.set(cpu, RDI, 0x5_0000 + to);
        Guest.set(cpu, RCX, count);
        Guest.set(cpu, RAX, 0x1122_3344_5566_7788L);
        RawMemory.putLong(cpu.state() + CpuState.RIP, Guest.CODE);
        RawMemory.putInt(cpu.state() + CpuState.ACTIVITY, Activity.ACTIVE);
        cpu.push();
        assertThat(cpu.run()).isEqualTo(Exit.HALT);
        cpu.pull();
        for (int n = 0; n < count; n++) {
          byte[] element = new byte[size];
          for (int k = 0; k < size; k++) {
            element[k] =
                fills ? (byte) (0x1122_3344_5566_7788L >>> 8 * k) : memory[from - n * size + k];
          }
          System.arraycopy(element, 0, memory, to - n * size, size);
        }
        byte[] found = new byte[memory.length];
        guest.memory.read(0x5_0000, found, 0, found.length);
        assertThat(Arrays.mismatch(found, memory))
            .as("%d: %s %d of %d from %x to %x", i, opcode, size, count, from, to)
            .isEqualTo(-1);
        assertThat(Guest.get(cpu, RDI)).isEqualTo(0x5_0000 + to - (long) count * size);
        assertThat(Guest.get(cpu, RCX)).isZero();
      }
    }
  }

  @Test
  void repeatedStringsCrossPagesAndOverlap() {
    try (Guest guest = new Guest()) {
      // rep movsb; mov al,55h; mov rcx,rdx; mov rdi,r8; rep stosw; hlt
      guest.program(Guest.CODE, "f3a4 b055 4889d1 4c89c7 66f3ab f4");
      for (int i = 0; i < 3; i++) {
        guest.memory.put(0x5_0ff0 + i, 1, 'a' + i);
      }
      Vcpu cpu = guest.vcpu();
      Guest.set(cpu, RSI, 0x5_0ff0);
      Guest.set(cpu, RDI, 0x5_0ff3);
      Guest.set(cpu, RCX, 9000);
      Guest.set(cpu, RAX, 0xaa00);
      Guest.set(cpu, RDX, 3001);
      Guest.set(cpu, R8, 0x5_8001);
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      for (int i = 0; i < 9003; i++) {
        assertThat(guest.memory.get(0x5_0ff0 + i, 1)).isEqualTo('a' + i % 3);
      }
      assertThat(guest.memory.get(0x5_0ff0 + 9003, 1)).isZero();
      for (int i = 0; i < 3001; i++) {
        assertThat(guest.memory.get(0x5_8001 + i * 2, 2)).isEqualTo(0xaa55);
      }
      assertThat(Guest.get(cpu, RSI)).isEqualTo(0x5_0ff0 + 9000);
      assertThat(Guest.get(cpu, RDI)).isEqualTo(0x5_8001 + 6002);
      assertThat(Guest.get(cpu, RCX)).isZero();
    }
  }

  @Test
  void anInterruptWaitsForTheInstructionAfterSti() {
    try (Guest guest = new Guest()) {
      // cli; nop; sti; inc eax; inc eax; hlt
      guest.program(Guest.CODE, "fa 90 fb ffc0 ffc0 f4");
      Vcpu cpu = guest.vcpu();
      guest.waiting.set(0x40);
      cpu.interruptRaised();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.vector(cpu)).isEqualTo(0x40);
      assertThat(Guest.get(cpu, RAX)).isEqualTo(1);
      assertThat(guest.memory.get(Guest.get(cpu, 4), 8)).isEqualTo(Guest.CODE + 5);
    }
  }

  @Test
  void aHaltedProcessorWakesForAnInterrupt() {
    try (Guest guest = new Guest()) {
      guest.program(Guest.CODE, "fb f4 90");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(cpu.runnable()).isFalse();
      guest.waiting.set(0x41);
      cpu.interruptRaised();
      assertThat(cpu.runnable()).isTrue();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.vector(cpu)).isEqualTo(0x41);
    }
  }

  @Test
  void singleStepTrapsAfterEachInstruction() {
    try (Guest guest = new Guest()) {
      // pushf; or dword [rsp],100h; popf; inc ebx; inc ebx; hlt
      guest.program(Guest.CODE, "9c 810c2400010000 9d ffc3 ffc3 f4");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.vector(cpu)).isEqualTo(1);
      assertThat(Guest.get(cpu, RBX)).isEqualTo(1);
      assertThat(Guest.field(cpu, CpuState.DR6) & 0x4000).isEqualTo(0x4000);
    }
  }

  @Test
  void singleStepOnBranchesTrapsAfterTheFirstOneTaken() {
    try (Guest guest = new Guest()) {
      // mov ecx,1d9h; xor edx,edx; mov eax,2; wrmsr; pushf; or dword [rsp],100h; popf;
      // inc ebx; test ebx,ebx; jz 1f; inc ebx; 1: jmp 2f; inc ebx; 2: inc ebx; hlt
      guest.program(
          Guest.CODE,
          "b9d9010000 31d2 b802000000 0f30 9c 810c2400010000 9d"
              + "ffc3 85db 7402 ffc3 eb02 ffc3 ffc3 f4");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.vector(cpu)).isEqualTo(1);
      assertThat(Guest.get(cpu, RBX)).isEqualTo(2);
      // The exception switches it off.
      assertThat(Guest.field(cpu, CpuState.DEBUGCTL)).isZero();
    }
  }

  @Test
  void miscEnableHidesLeavesAndExecuteDisable() {
    try (Guest guest = new Guest()) {
      // mov ecx,1a0h; rdmsr; or eax,400000h; or edx,4; wrmsr; xor eax,eax; cpuid; mov esi,eax;
      // mov eax,80000001h; cpuid; mov edi,edx; hlt
      guest.program(
          Guest.CODE,
          "b9a0010000 0f32 0d00004000 83ca04 0f30 31c0 0fa2 89c6 b801000080 0fa2 89d7 f4");
      Vcpu cpu = guest.vcpu();
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.get(cpu, RSI)).isEqualTo(2);
      assertThat(Guest.get(cpu, RDI) & CpuidSpec.NX).isZero();
    }
  }

  /** A processor with five-level paging takes bases of 57 bits before paging is that deep. */
  @Test
  void basesHaveTheWidthThatTheProcessorHas() {
    for (boolean deep : new boolean[] {false, true}) {
      CpuModel model = deep ? CpuModel.v2().withFiveLevelPaging() : CpuModel.v2();
      try (Guest guest = new Guest(model)) {
        // mov ecx,c0000100h; mov edx,ff0000h; xor eax,eax; wrmsr; hlt
        guest.program(Guest.CODE, "b9000100c0 ba0000ff00 31c0 0f30 f4");
        Vcpu cpu = guest.vcpu();
        assertThat(cpu.run()).isEqualTo(Exit.HALT);
        assertThat(Guest.vector(cpu)).isEqualTo(deep ? -1 : 13);
      }
    }
  }

  @Test
  void portsAndDeviceMemoryReachTheBuses() {
    try (Guest guest = new Guest()) {
      List<String> seen = new ArrayList<>();
      guest.mmio.attach(
          0x200_0000,
          0x1000,
          new MmioDevice() {
            @Override
            public long read(long offset, int size) {
              seen.add("read %x %d".formatted(offset, size));
              return 0x1234_5678;
            }

            @Override
            public void write(long offset, int size, long value) {
              seen.add("write %x %d %x".formatted(offset, size, value));
            }
          });
      // mov eax,[rdi+16]; mov [rdi+20],ax; in al,60h; hlt
      guest.program(Guest.CODE, "8b4710 66894714 e460 f4");
      Vcpu cpu = guest.vcpu();
      Guest.set(cpu, RDI, 0x200_0000);
      assertThat(cpu.run()).isEqualTo(Exit.HALT);
      assertThat(seen).containsExactly("read 10 4", "write 14 2 5678");
      assertThat(Guest.get(cpu, RAX)).isEqualTo(0x1234_56ff);
    }
  }

  @Test
  void aKickLeavesAnEndlessLoop() throws InterruptedException {
    try (Guest guest = new Guest()) {
      guest.program(Guest.CODE, "ebfe");
      Vcpu cpu = guest.vcpu();
      Thread kicker =
          new Thread(
              () -> {
                try {
                  Thread.sleep(50);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
                cpu.kick();
              });
      kicker.start();
      assertThat(cpu.run()).isEqualTo(Exit.KICK);
      kicker.join();
      assertThat(Guest.field(cpu, CpuState.RIP)).isEqualTo(Guest.CODE);
    }
  }

  @Test
  void pageDirectoryPointersAreStateAndNotReadAgainWhenTheProcessorMoves() {
    int pointers = 0x9000;
    int directory = 0xa000;
    try (Guest guest = new Guest()) {
      // mov 0x40100000,%eax; hlt: in 32-bit code under PAE paging, through the second pointer.
      guest.program(Guest.CODE, "a100001040f4");
      guest.memory.put(pointers, 8, directory | 1);
      guest.memory.put(pointers + 8, 8, directory | 1);
      guest.memory.put(directory, 8, 0x83);
      Vcpu from = guest.vcpu();
      long state = from.state();
      RawMemory.putLong(state + CpuState.EFER, 0);
      RawMemory.putLong(state + CpuState.CR3, pointers);
      RawMemory.putInt(
          state + CpuState.SEGMENTS + CpuState.SEGMENT_SIZE + CpuState.SEGMENT_ATTRIBUTES, 0xc09b);
      from.push();
      guest.memory.put(pointers + 8, 8, 0);
      from.pull();
      Vcpu to = guest.vcpu();
      RawMemory.copy(state, to.state(), CpuState.ARCHITECTURAL_SIZE);
      to.push();
      assertThat(to.run()).isEqualTo(Exit.HALT);
      assertThat(Guest.field(to, CpuState.RIP)).isEqualTo(Guest.CODE + 6);
      assertThat(Guest.get(to, RAX)).isEqualTo(0x1000_00a1);
      // Another CR3 has others, which are those in memory.
      RawMemory.putLong(to.state() + CpuState.CR3, pointers | 0x20);
      to.push();
      assertThat(Guest.field(to, CpuState.PDPTE + 8)).isZero();
    }
  }

  @Test
  void aTripleFaultShutsDown() {
    try (Guest guest = new Guest()) {
      // lidt of nothing: limit 0
      guest.program(Guest.CODE, "0f0b");
      Vcpu cpu = guest.vcpu();
      RawMemory.putLong(cpu.state() + CpuState.IDTR_LIMIT, 0);
      cpu.push();
      assertThat(cpu.run()).isEqualTo(Exit.SHUTDOWN);
      assertThat(cpu.exit().detail).contains("triple fault");
      assertThat(cpu.runnable()).isFalse();
    }
  }
}
