package isola.qa.bytecode;

import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;

import isola.core.memory.RawMemory;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;

/**
 * Makes classes whose method {@code long run(long state, int times)} is a region of guest code: two
 * guest registers are locals in between and in the state (8 bytes each) before and after.
 */
final class RegionCompiler {
  /** Bits of CRC-32 that the region without memory works out for each turn. */
  private static final int BITS = 8;

  private static final ClassDesc MEMORY = RawMemory.class.describeConstable().orElseThrow();
  private static final MethodTypeDesc LOAD = MethodTypeDesc.of(CD_long, CD_long);
  private static final MethodTypeDesc STORE = MethodTypeDesc.ofDescriptor("(JJ)V");
  private static final MethodTypeDesc RUN = MethodTypeDesc.of(CD_long, CD_long, CD_int);

  // Local variables.
  private static final int STATE = 0;
  private static final int TIMES = 2;
  private static final int A = 3;
  private static final int B = 5;
  private static final int ENTRY = 7;

  private RegionCompiler() {}

  /**
   * A class file.
   *
   * @param number makes it different from the others
   * @param memory whether each turn loads, adds and stores through a TLB entry at {@code state +
   *     64} (tag, host address minus linear address), instead of shifting and combining bits
   */
  static byte[] region(int number, boolean memory) {
    ClassDesc name = ClassDesc.of("isola.qa.bytecode", "Region" + number);
    return ClassFile.of()
        .build(
            name,
            type ->
                type.withMethodBody(
                    "run",
                    RUN,
                    ClassFile.ACC_PUBLIC | ClassFile.ACC_STATIC,
                    code -> body(code, number, memory)));
  }

  private static void body(CodeBuilder code, int number, boolean memory) {
    load(code, 0);
    code.lstore(A);
    load(code, 8);
    code.lstore(B);
    Label again = code.newLabel();
    Label done = code.newLabel();
    code.labelBinding(again);
    code.iload(TIMES).ifle(done);
    code.iinc(TIMES, -1);
    if (memory) {
      access(code, number);
    } else {
      combine(code, number);
    }
    code.goto_(again);
    code.labelBinding(done);
    store(code, 0, A);
    store(code, 8, B);
    code.lload(A).lload(B).ladd().lreturn();
  }

  private static void load(CodeBuilder code, long offset) {
    code.lload(STATE).loadConstant(offset).ladd();
    code.invokestatic(MEMORY, "getLong", LOAD);
  }

  private static void store(CodeBuilder code, long offset, int local) {
    code.lload(STATE).loadConstant(offset).ladd().lload(local);
    code.invokestatic(MEMORY, "putLong", STORE);
  }

  /** b += number; a ^= b; for each bit: a = a >>> 1 ^ (polynomial & -(a & 1)), in 32 bits. */
  private static void combine(CodeBuilder code, int number) {
    code.lload(B).loadConstant((long) number).ladd().lstore(B);
    code.lload(A).lload(B).lxor().loadConstant(0xffff_ffffL).land().lstore(A);
    for (int bit = 0; bit < BITS; bit++) {
      code.lload(A).loadConstant(1).lushr();
      code.lload(A).loadConstant(1L).land().lneg().loadConstant(0xedb8_8320L).land();
      code.lxor().lstore(A);
    }
  }

  /** The entry's tag against the page of b, then [b] += a; b moves on inside its page. */
  private static void access(CodeBuilder code, int number) {
    Label hit = code.newLabel();
    load(code, 64);
    code.lload(B).loadConstant(-4096L).land().lcmp().ifeq(hit);
    code.loadConstant(-1L).lreturn();
    code.labelBinding(hit);
    load(code, 72);
    code.lload(B).ladd().lstore(ENTRY);
    code.lload(ENTRY);
    code.lload(ENTRY).invokestatic(MEMORY, "getLong", LOAD);
    code.lload(A).ladd().loadConstant((long) number).ladd();
    code.invokestatic(MEMORY, "putLong", STORE);
    // b = b & -4096 | b + 8 & 4088
    code.lload(B).loadConstant(-4096L).land();
    code.lload(B).loadConstant(8L).ladd().loadConstant(4088L).land().lor().lstore(B);
  }
}
