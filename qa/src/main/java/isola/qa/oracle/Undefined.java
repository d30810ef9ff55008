package isola.qa.oracle;

import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Op;
import isola.cpu.x86.spec.Rflags;

/**
 * What an instruction leaves undefined, or what processors do differently (Intel SDM vol. 2, "Flags
 * Affected" of each instruction; vol. 1 appendix A).
 */
final class Undefined {
  private static final int CF = Rflags.CF;
  private static final int PF = Rflags.PF;
  private static final int AF = Rflags.AF;
  private static final int ZF = Rflags.ZF;
  private static final int SF = Rflags.SF;
  private static final int OF = Rflags.OF;

  private Undefined() {}

  /** Status flags that are undefined after a form. */
  static int flags(Form form) {
    boolean once = form.operand(1).equals("1");
    return switch (form.op()) {
      case AND, OR, XOR, TEST -> AF;
      case SHL, SHR -> once ? AF : AF | OF | CF;
      case SAR -> once ? AF : AF | OF;
      case ROL, ROR, RCL, RCR -> once ? 0 : OF;
      case SHLD, SHRD -> AF | OF;
      case MUL, IMUL -> SF | ZF | AF | PF;
      case DIV, IDIV -> Rflags.STATUS;
      case BSF, BSR -> Rflags.STATUS & ~ZF;
      case BT, BTS, BTR, BTC -> OF | SF | AF | PF;
      case DAA, DAS -> OF;
      case AAA, AAS -> OF | SF | ZF | PF;
      case AAM, AAD -> OF | AF | CF;
      case ANDN, BLSR, BLSMSK, BLSI, BZHI -> AF | PF;
      case BEXTR -> AF | SF | PF;
      case TZCNT, LZCNT -> OF | SF | AF | PF;
      default -> 0;
    };
  }

  /** Whether a form must end a sequence, since what it leaves is not all compared. */
  static boolean last(Form form) {
    return transcendental(form.op()) || approximate(form.op()) || status(form, true) != 0;
  }

  /** x87 functions that may be off by one unit in the last place. */
  static boolean transcendental(Op op) {
    return switch (op) {
      case FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X, FYL2XP1 -> true;
      default -> false;
    };
  }

  /** SSE approximations, whose tables differ between processors. */
  static boolean approximate(Op op) {
    return switch (op) {
      case RCPPS, RCPSS, RSQRTPS, RSQRTSS -> true;
      default -> false;
    };
  }

  /** Bits of the x87 status word that are undefined after a form or differ between vendors. */
  static int status(Form form, boolean pending) {
    int c1 = 0x200;
    int conditions = 0x4500;
    return switch (form.op()) {
      // Intel clears C1, AMD leaves it.
      case FCOMI, FCOMIP, FUCOMI, FUCOMIP -> c1;
      // With an unmasked exception Intel leaves the condition bits, AMD sets them.
      case FCOM, FCOMP, FCOMPP, FUCOM, FUCOMP, FUCOMPP, FICOM, FICOMP, FTST ->
          pending ? conditions : 0;
      default -> transcendental(form.op()) ? c1 : 0;
    };
  }

  /** x87 comparisons whose result goes to RFLAGS. */
  static boolean comparesToFlags(Op op) {
    return switch (op) {
      case FCOMI, FCOMIP, FUCOMI, FUCOMIP -> true;
      default -> false;
    };
  }

  /** Status flags that the host has changed when the instruction faults, against the manual. */
  static int flagsAtFault(Form form) {
    return switch (form.op()) {
      case BT, BTS, BTR, BTC -> CF;
      // Repeated: as before the instruction, or as the last comparison left them.
      case CMPS, SCAS -> Rflags.STATUS;
      default -> 0;
    };
  }
}
