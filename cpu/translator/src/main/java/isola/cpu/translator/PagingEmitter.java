package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_AE;
import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_Z;
import static isola.cpu.translator.HostAssembler.MAP_0F;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.state.CpuState;

/**
 * INVLPG and writes of CR3 in generated code (Intel SDM vol. 3A 4.10.4). After either the block
 * goes on only if its own page is still mapped where it was.
 */
final class PagingEmitter {
  /** Condition codes: carry, negative. */
  private static final int CC_C = 2;

  private static final int CC_S = 8;

  private final SystemEmitter system;
  private final Emitter e;
  private final HostAssembler a;

  PagingEmitter(SystemEmitter system, Emitter emitter) {
    this.system = system;
    e = emitter;
    a = emitter.a;
  }

  private void shiftRight(int register, int by) {
    a.register(W, 0xc1, 5, register);
    a.emit(by);
  }

  private void and(int register, int bits) {
    a.register(0, 0x81, 4, register);
    a.emit32(bits);
  }

  /** Drops the entries that the address may have, and with them others': that is allowed. */
  boolean invlpg(Insn insn) {
    if (!insn.memory() || insn.addressSize != 8) {
      return false;
    }
    system.saveFlags();
    e.useAddress();
    e.address(insn);
    // Pieces of a large page may be anywhere.
    bit(21, 14, Tlb.LARGE_BITS);
    bit(30, 9, Tlb.GIGA_BITS);
    a.mov32(TEMPORARY, ADDRESS);
    a.register(0, 0xc1, 5, TEMPORARY);
    a.emit(12 - Tlb.ENTRY_SHIFT);
    and(TEMPORARY, (Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT);
    // Odd, and of another entry's pages.
    a.register(W, 0x81, 4, ADDRESS);
    a.emit32(-4096);
    a.register(W, 0xf7, 2, ADDRESS);
    for (int table = 0; table < Layout.TABLES; table++) {
      drop(Layout.tlb(table, Tlb.READ));
      drop(Layout.tlb(table, Tlb.WRITE));
      drop(Layout.tlb(table, Tlb.EXECUTE));
      drop(Layout.tlb(table, Tlb.CODE_KEY));
    }
    return true;
  }

  private void drop(int field) {
    a.stateIndexed(W, 0x89, ADDRESS, TEMPORARY, NONE, 0, field);
  }

  /** Leaves to Java if the address in {@link Layout#ADDRESS} has its bit in a map set. */
  private void bit(int shift, int width, int bits) {
    a.mov(TEMPORARY, ADDRESS);
    shiftRight(TEMPORARY, shift);
    and(TEMPORARY, (1 << width) - 1);
    // bt address, 63; the bit comes next to the others
    a.register(W | MAP_0F, 0xba, 4, ADDRESS);
    a.emit(63);
    int low = a.jumpForwardShort(CC_AE);
    a.register(0, 0x81, 1, TEMPORARY);
    a.emit32(1 << width);
    a.bindShort(low);
    a.state(MAP_0F, 0xa3, TEMPORARY, bits);
    system.aidIf(CC_C);
  }

  /** MOV to CR3: all entries that are not global go, as the journal says. */
  void writeCr3(Insn insn) {
    system.saveFlags();
    e.useAddress();
    a.mov(ADDRESS, e.read(insn.rm, ADDRESS));
    a.mov(TEMPORARY, ADDRESS);
    a.state(0, 0xf7, 0, CpuState.CR4);
    a.emit32(Cr4.PCIDE);
    int plain = a.jumpForwardShort(CC_Z);
    // btr rcx, 63: not to drop them is an offer only
    a.register(W | MAP_0F, 0xba, 6, TEMPORARY);
    a.emit(63);
    a.bindShort(plain);
    a.load(ADDRESS, WalkThunks.FRAME);
    a.register(W, 0xf7, 2, ADDRESS);
    a.register(W, 0x23, ADDRESS, TEMPORARY);
    shiftRight(ADDRESS, 12);
    system.aidIf(CC_NZ);
    a.state(0, 0x81, 7, Tlb.JOURNALLED);
    a.emit32(Tlb.JOURNAL_LIMIT);
    system.aidIf(CC_AE);
    a.store(CpuState.CR3, TEMPORARY);
    a.call(e.thunks.flush);
  }

  /** Writes the function that drops all entries of the journal; uses the scratch registers. */
  static long flush(HostAssembler a) {
    a.align(16);
    final long at = a.here();
    a.store(Layout.SPILL, HostAssembler.RAX);
    a.load32(TEMPORARY, Tlb.JOURNALLED);
    final long next = a.here();
    a.lea(TEMPORARY, TEMPORARY, -1);
    a.register(W, 0x85, TEMPORARY, TEMPORARY);
    final int done = a.jumpForwardShort(CC_S);
    a.stateIndexed(MAP_0F, 0xb7, ADDRESS, NONE, TEMPORARY, 1, Tlb.JOURNAL);
    // The tag: odd, and of another entry's pages.
    a.mov32(HostAssembler.RAX, ADDRESS);
    a.register(0, 0xc1, 4, HostAssembler.RAX);
    a.emit(12);
    a.register(W, 0xf7, 2, HostAssembler.RAX);
    a.register(0, 0xc1, 4, ADDRESS);
    a.emit(Tlb.ENTRY_SHIFT);
    a.stateIndexed(W, 0x89, HostAssembler.RAX, ADDRESS, NONE, 0, Tlb.OFFSET + Tlb.READ);
    a.stateIndexed(W, 0x89, HostAssembler.RAX, ADDRESS, NONE, 0, Tlb.OFFSET + Tlb.WRITE);
    a.jump(next);
    a.bindShort(done);
    a.storeImmediate32(Tlb.JOURNALLED, 0);
    a.load(HostAssembler.RAX, Layout.SPILL);
    a.emit(0xc3);
    return at;
  }
}
