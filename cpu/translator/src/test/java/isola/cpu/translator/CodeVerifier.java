package isola.cpu.translator;

import isola.cpu.x86.cpu.Tlb;
import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.spec.Segment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads all host code that a processor's translator emits and looks at what it can reach: memory
 * only through GS inside the processor's state or at an address that a TLB probe gave, for no more
 * bytes than the probe looked at, and for writing only if the probe was for writing (what all
 * blocks share may walk page tables, and is short enough to be read); jumps only to instructions of
 * emitted code, or through the state; nothing that enters the host's kernel.
 */
final class CodeVerifier implements CodeWatch {
  private static final int INDEX_MASK = (Tlb.ENTRIES - 1) << Tlb.ENTRY_SHIFT;

  /** What went wrong, in words. */
  final List<String> findings = new ArrayList<>();

  private final Set<Long> instructions = new HashSet<>();
  private final List<long[]> jumps = new ArrayList<>();
  private final Decoder decoder = new Decoder(OpcodeTable.v3());
  private int memoryOperands;

  // What is known while reading straight on. A register's probe: bytes, negative for writing too.
  private final int[] probed = new int[16];
  private boolean shared;
  private boolean masked;
  private boolean wordIndex;
  private boolean writeTag;
  private int tagged = -1;
  private int compared;

  /** Offset of the TLB entry that a page was compared with, or -1. */
  private long constantEntry = -1;

  private boolean constantWrite;

  /** The block in work if it reads its own guest code. */
  private @Nullable Block checking;

  /** Memory operands seen, the state's aside. */
  int memoryOperands() {
    return memoryOperands;
  }

  @Override
  public void emitted(@Nullable Block block, long address, byte[] code, int size) {
    forget();
    // What all share is jumped to with the index masked.
    shared = block == null;
    checking = block != null && block.checking ? block : null;
    masked = shared;
    int at = 0;
    while (at < size) {
      Insn insn = new Insn();
      int left = Math.min(15, size - at);
      Form form = null;
      if (decoder.decode(insn, code, at, left, 8) == Decoder.Status.OK) {
        form = insn.form;
      }
      if (form == null) {
        note(address + at, code, at, left, "is no instruction");
        return;
      }
      insn.rip = address + at;
      instructions.add(insn.rip);
      String wrong = look(insn, form, block == null);
      if (wrong != null) {
        note(insn.rip, code, at, insn.length, wrong);
      }
      at += insn.length;
    }
  }

  private void note(long rip, byte[] code, int at, int length, String wrong) {
    StringBuilder text = new StringBuilder("%x:".formatted(rip));
    for (int i = 0; i < length; i++) {
      text.append(" %02x".formatted(code[at + i]));
    }
    findings.add(text.append(' ').append(wrong).toString());
  }

  private void forget() {
    java.util.Arrays.fill(probed, 0);
    tagged = -1;
    compared = 0;
    constantEntry = -1;
    masked = false;
    wordIndex = false;
  }

  private @Nullable String look(Insn insn, Form form, boolean common) {
    switch (insn.op) {
      case PUSH, POP, RET -> {
        return common ? null : "uses the host's stack";
      }
      case WRGSBASE -> {
        return common ? null : "moves the processor's state";
      }
      case JMP, CALL -> {
        if (form.operand(0).startsWith("J")) {
          jumps.add(new long[] {insn.rip, insn.rip + insn.length + insn.imm});
          return null;
        }
        boolean fine = insn.memory() && insn.segment == Segment.GS;
        return fine ? state(insn, 8) : "jumps where a register says";
      }
      case LEA, NOP -> {
        wrote(insn, form);
        return null;
      }
      case LFENCE, MFENCE, SFENCE, PAUSE -> {
        return null;
      }
      default -> {}
    }
    if (insn.op.name().charAt(0) == 'J') {
      jumps.add(new long[] {insn.rip, insn.rip + insn.length + insn.imm});
      return null;
    }
    if (form.group() == Group.SYSTEM && !harmless(insn, common)) {
      return "is no instruction for generated code";
    }
    if (form.group() == Group.X87 && insn.memory() && form.memorySize() == 0 && !common) {
      return "reaches an x87 environment";
    }
    String wrong = insn.memory() && hasMemory(form) ? operand(insn, form) : null;
    follow(insn, form);
    return wrong;
  }

  private static boolean harmless(Insn insn, boolean common) {
    return switch (insn.op) {
      case LDMXCSR, STMXCSR, RDTSC -> true;
      case FXSAVE -> common;
      default -> false;
    };
  }

  private static boolean hasMemory(Form form) {
    for (String operand : form.operands()) {
      switch (operand.charAt(0)) {
        case 'E', 'M', 'W', 'O', 'X', 'Y', 'Q' -> {
          return true;
        }
        default -> {}
      }
    }
    return false;
  }

  private @Nullable String operand(Insn insn, Form form) {
    int size = form.memorySize(insn);
    if (insn.segment == Segment.GS) {
      return state(insn, size);
    }
    if (shared) {
      // The page walk's: checked against the slots of guest memory by the code itself.
      return null;
    }
    memoryOperands++;
    if (insn.segment == Segment.FS || insn.base < 0 || insn.base > 15 || insn.index >= 0) {
      return "has a memory operand of its own making";
    }
    int probe = probed[insn.base];
    if (probe == 0) {
      return "goes through a register that no probe gave";
    }
    if (insn.displacement < 0 || insn.displacement + size > Math.abs(probe)) {
      return "reaches further than its probe of " + Math.abs(probe);
    }
    if (!Coverage.readsOnly(insn, form) && probe > 0) {
      return "writes after a probe for reading";
    }
    return null;
  }

  private @Nullable String state(Insn insn, int size) {
    long first = insn.displacement;
    long last = first + size;
    if (insn.base == Layout.TEMPORARY && insn.index < 0 && masked) {
      last += INDEX_MASK;
    } else if (insn.base < 0 && insn.index == Layout.ADDRESS && wordIndex) {
      last += 0xffffL << insn.scale;
    } else if ((insn.base >= 0 || insn.index >= 0) && !shared) {
      return "has an index into the state that may be anything";
    }
    return first >= 0 && last <= Layout.SIZE ? null : "leaves the processor's state";
  }

  /** Notes what an instruction makes of the registers that matter. */
  private void follow(Insn insn, Form form) {
    boolean tlb = insn.memory() && insn.segment == Segment.GS && insn.base == Layout.TEMPORARY;
    long field = Math.floorMod(insn.displacement - Tlb.OFFSET, (long) Tlb.ENTRY_SIZE);
    if (tlb && insn.op == Op.XOR && (field == Tlb.READ || field == Tlb.WRITE)) {
      forgetRegister(insn.reg);
      tagged = insn.reg;
      writeTag = field == Tlb.WRITE;
      compared = 0;
      return;
    }
    if (constantProbe(insn, tlb, field)) {
      return;
    }
    Block own = checking;
    if (own != null && SelfCheck.readsImmediate(insn) && insn.imm == own.guestBytes) {
      forgetRegister(insn.reg);
      probed[insn.reg] = own.length;
      return;
    }
    boolean whole = insn.operandSize == 8;
    if (whole && insn.rm == tagged && (insn.op == Op.CMP || insn.op == Op.TEST) && insn.imm != 0) {
      compared = (int) (insn.op == Op.CMP ? 4096 - insn.imm : 4096 - ~insn.imm);
      return;
    }
    if (tlb && insn.op == Op.ADD && field == Tlb.HOST && insn.reg == tagged && compared > 0) {
      probed[tagged] = writeTag ? -compared : compared;
      tagged = -1;
      return;
    }
    if (insn.op == Op.AND && insn.rm == Layout.TEMPORARY && insn.imm == INDEX_MASK) {
      forgetRegister(insn.rm);
      masked = true;
      return;
    }
    if (insn.op == Op.MOVZX && insn.reg == Layout.ADDRESS && !insn.memory()) {
      forgetRegister(insn.reg);
      wordIndex = form.operand(1).endsWith("w");
      return;
    }
    boolean copy = insn.op == Op.MOV && !insn.memory() && insn.operandSize == 8;
    if (copy && form.operand(0).startsWith("G")) {
      int probe = probed[insn.rm];
      forgetRegister(insn.reg);
      probed[insn.reg] = probe;
      return;
    }
    wrote(insn, form);
  }

  /** CMP of a tag of one entry with a page, then MOV of the same entry's host page. */
  private boolean constantProbe(Insn insn, boolean indexed, long field) {
    if (!insn.memory() || insn.segment != Segment.GS || indexed || insn.base >= 0) {
      return false;
    }
    long entry = insn.displacement - field;
    boolean inTlb =
        insn.displacement >= Tlb.OFFSET
            && insn.displacement < Tlb.OFFSET + (long) Layout.TABLES * Tlb.TABLE_SIZE;
    if (inTlb && insn.op == Op.CMP && (field == Tlb.READ || field == Tlb.WRITE)) {
      constantEntry = entry;
      constantWrite = field == Tlb.WRITE;
      return true;
    }
    if (inTlb && insn.op == Op.MOV && field == Tlb.HOST && entry == constantEntry) {
      forgetRegister(insn.reg);
      probed[insn.reg] = constantWrite ? -4096 : 4096;
      constantEntry = -1;
      return true;
    }
    return false;
  }

  private void wrote(Insn insn, Form form) {
    if (Coverage.writesCount(insn)) {
      forgetRegister(HostAssembler.RCX);
    }
    for (String operand : form.operands()) {
      switch (operand.charAt(0)) {
        case 'G', 'Z' -> {
          if (Coverage.writesReg(insn, form)) {
            forgetRegister(insn.reg);
          }
        }
        case 'B' -> {
          if (Coverage.writesVvvv(insn)) {
            forgetRegister(insn.vvvv);
          }
        }
        case 'E', 'R' -> {
          if (!insn.memory() && !Coverage.readsOnly(insn, form)) {
            forgetRegister(insn.rm);
          }
        }
        default -> {}
      }
    }
  }

  private void forgetRegister(int register) {
    if (register < 0) {
      return;
    }
    probed[register] = 0;
    if (register == tagged) {
      tagged = -1;
    }
    if (register == Layout.TEMPORARY && !shared) {
      masked = false;
    }
    if (register == Layout.ADDRESS) {
      wordIndex = false;
    }
  }

  /** To be called at the end: whether all jumps lead to instructions. */
  void checkJumps() {
    for (long[] jump : jumps) {
      if (!instructions.contains(jump[1])) {
        findings.add("%x: jumps to %x, where no instruction begins".formatted(jump[0], jump[1]));
      }
    }
  }
}
