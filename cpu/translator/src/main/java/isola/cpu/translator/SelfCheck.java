package isola.cpu.translator;

import static isola.cpu.translator.HostAssembler.CC_NZ;
import static isola.cpu.translator.HostAssembler.CC_S;
import static isola.cpu.translator.HostAssembler.NONE;
import static isola.cpu.translator.HostAssembler.W;
import static isola.cpu.translator.Layout.ADDRESS;
import static isola.cpu.translator.Layout.TEMPORARY;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;

/**
 * Code that looks for itself whether the guest's code is still what it was made from, in pages that
 * change too often to have their writes noticed: it compares the bytes each time it is entered. The
 * value that MOV loads into a register, which is what a guest's own compiler changes most, is not
 * compared but read. Nothing can change such a block between its head and its end: it ends at the
 * first instruction that writes to memory.
 */
final class SelfCheck {
  /** Entries into such blocks, all together, before one that is entered gets ordinary code. */
  static final int RUNS = 4096;

  private final Emitter e;
  private final HostAssembler a;

  SelfCheck(Emitter emitter) {
    e = emitter;
    a = emitter.a;
  }

  /** Whether an instruction's immediate value is read when it is executed. */
  static boolean readsImmediate(Insn insn) {
    Form form = insn.form;
    return insn.op == Op.MOV
        && form != null
        && form.map() == 0
        && (form.opcode() & 0xf8) == 0xb8
        && insn.operandSize >= 4;
  }

  /** Writes what stands at a block's head; the flags are saved. */
  void head(Block block, GuestCode code) {
    // sub dword [runs], 1
    a.state(0, 0x83, 5, Layout.CHECKED_RUNS);
    a.emit(1);
    leaveIf(CC_S, Sites.SETTLED, block);
    a.movImmediate(ADDRESS, block.guestBytes);
    int changed = sites(Sites.CHANGED, block);
    int from = 0;
    for (int i = 0; i < code.count; i++) {
      Insn insn = code.insns[i];
      if (readsImmediate(insn)) {
        int end = code.offsets[i] + insn.length;
        compare(code.bytes, from, end - insn.operandSize, changed);
        from = end;
      }
    }
    compare(code.bytes, from, block.length, changed);
  }

  private int sites(byte kind, Block block) {
    return e.sites.add(kind, block, block.rip, 0, 0, true);
  }

  private void leaveIf(int condition, byte kind, Block block) {
    e.stub(a.jumpForward(condition), sites(kind, block), e.thunks.exit);
  }

  private void compare(byte[] bytes, int from, int to, int site) {
    int at = from;
    while (at < to) {
      boolean four = to - at >= 4;
      // cmp [r14 + at], immediate
      a.memory(0, four ? 0x81 : 0x80, 7, ADDRESS, NONE, 0, at);
      for (int i = 0; i < (four ? 4 : 1); i++) {
        a.emit(bytes[at + i]);
      }
      e.stub(a.jumpForward(CC_NZ), site, e.thunks.exit);
      at += four ? 4 : 1;
    }
  }

  /** Writes an instruction that {@link #readsImmediate}. */
  void moveImmediate(Insn insn, int at) {
    e.useAddress();
    int wide = insn.operandSize == 8 ? W : 0;
    int own = Layout.host(insn.reg);
    a.movImmediate(ADDRESS, e.block.guestBytes);
    int to = own < 0 ? TEMPORARY : own;
    a.memory(wide, 0x8b, to, ADDRESS, NONE, 0, at + insn.length - insn.operandSize);
    e.written(insn.reg, to);
  }
}
