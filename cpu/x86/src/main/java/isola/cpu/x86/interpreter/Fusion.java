package isola.cpu.x86.interpreter;

import isola.cpu.x86.decode.Insn;

/**
 * Makes the handlers of a block cheaper where instructions stand together: a comparison and the
 * jump after it become one step, and flags that are set again before anything can see them are not
 * kept. What may fault, or leaves to general semantics, sees all flags. Pure functions.
 */
final class Fusion {
  private static final int MOST = Block.LIMIT + 1;

  private Fusion() {}

  static void improve(Insn first) {
    Insn[] insns = new Insn[MOST];
    int count = 0;
    for (Insn i = first; i != null && i.handler != Handler.END && count < MOST; i = i.next) {
      insns[count++] = i;
    }
    if (count > 1) {
      fuse(insns[count - 2], insns[count - 1]);
    }
    boolean seen = true;
    for (int k = count - 1; k >= 0; k--) {
      Insn insn = insns[k];
      if (!seen) {
        insn.handler = (short) quiet(insn.handler);
      }
      // A load may fault.
      seen = insn.access != 0 || seenBefore(insn.handler, seen);
    }
  }

  private static void fuse(Insn compare, Insn jump) {
    int condition = jump.handler - Handler.JCC;
    if (condition < 2 || condition > 15 || condition == 10 || condition == 11) {
      return;
    }
    if (compare.handler == Handler.CMP) {
      compare.handler = (short) (Handler.CMP_JCC + condition);
    } else if (compare.handler == Handler.TEST && condition > 3) {
      compare.handler = (short) (Handler.TEST_JCC + condition);
    }
  }

  private static int quiet(int handler) {
    return switch (handler) {
      case Handler.ADD -> Handler.ADD_QUIET;
      case Handler.OR -> Handler.OR_QUIET;
      case Handler.AND -> Handler.AND_QUIET;
      case Handler.SUB -> Handler.SUB_QUIET;
      case Handler.XOR -> Handler.XOR_QUIET;
      case Handler.SHL -> Handler.SHL_QUIET;
      case Handler.SHR -> Handler.SHR_QUIET;
      case Handler.SAR -> Handler.SAR_QUIET;
      default -> handler;
    };
  }

  /** Whether flags from before an instruction are seen, given whether those after it are. */
  private static boolean seenBefore(int handler, boolean seenAfter) {
    return switch (handler) {
      case Handler.ADD,
          Handler.OR,
          Handler.AND,
          Handler.SUB,
          Handler.XOR,
          Handler.CMP,
          Handler.TEST,
          Handler.NEG,
          Handler.SHL,
          Handler.SHR,
          Handler.SAR,
          Handler.IMUL,
          Handler.IMUL3 ->
          false;
      case Handler.MOV,
          Handler.MOVZX1,
          Handler.MOVZX2,
          Handler.MOVSX1,
          Handler.MOVSX2,
          Handler.MOVSX4,
          Handler.LEA,
          Handler.NOT,
          Handler.SIGN,
          Handler.NOP,
          Handler.ADD_QUIET,
          Handler.OR_QUIET,
          Handler.AND_QUIET,
          Handler.SUB_QUIET,
          Handler.XOR_QUIET,
          Handler.SHL_QUIET,
          Handler.SHR_QUIET,
          Handler.SAR_QUIET ->
          seenAfter;
      default -> handler < Handler.CMP_JCC;
    };
  }
}
