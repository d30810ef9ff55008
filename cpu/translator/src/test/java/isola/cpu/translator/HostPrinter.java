package isola.cpu.translator;

import isola.cpu.x86.decode.Decoder;
import isola.cpu.x86.decode.Form;
import isola.cpu.x86.decode.Group;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.decode.OpcodeTable;
import isola.cpu.x86.spec.Segment;
import java.util.Locale;

/**
 * Host code as text that stays the same from run to run: places inside the block are told by their
 * distance from its beginning, and what lies outside it is told apart no further.
 */
final class HostPrinter {
  private static final String[] NAMES = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};

  private HostPrinter() {}

  /** One line for each instruction. */
  static String print(long address, byte[] code, int size) {
    StringBuilder text = new StringBuilder(4096);
    Decoder decoder = new Decoder(OpcodeTable.v3());
    int at = 0;
    while (at < size) {
      Insn insn = new Insn();
      if (decoder.decode(insn, code, at, Math.min(15, size - at), 8) != Decoder.Status.OK) {
        return text.append("%4x  no instruction%n".formatted(at)).toString();
      }
      insn.rip = address + at;
      text.append("%4x  %s\n".formatted(at, line(insn, address, size)));
      at += insn.length;
    }
    return text.toString();
  }

  private static String line(Insn insn, long address, int size) {
    Form form = insn.form;
    StringBuilder text = new StringBuilder(64);
    if (form == null) {
      return "?";
    }
    text.append(insn.locked() ? "lock " : "");
    boolean unnamed = form.group() == Group.SSE && !insn.op.name().startsWith("V");
    text.append(insn.vex && unnamed ? "v" : "");
    text.append(insn.op.name().toLowerCase(Locale.ROOT));
    for (int i = 0; i < form.operands().size(); i++) {
      text.append(i == 0 ? " " : ", ").append(operand(insn, form, i, address, size));
    }
    return text.toString();
  }

  private static String operand(Insn insn, Form form, int i, long address, int size) {
    String operand = form.operand(i);
    char kind = operand.charAt(0);
    if (operand.equals("CL") || operand.equals("AL") || operand.equals("DX") || kind == '1') {
      return operand.toLowerCase(Locale.ROOT);
    }
    return switch (kind) {
      case 'G', 'Z' -> register(insn.reg, bytes(operand, insn), insn.rex);
      case 'E', 'R', 'M' ->
          insn.memory() ? memory(insn) : register(insn.rm, bytes(operand, insn), insn.rex);
      case 'B' -> register(insn.vvvv, insn.operandSize, true);
      case 'H' -> vector(insn, operand, insn.vvvv);
      case 'L' -> vector(insn, operand, (int) insn.imm >> 4);
      case 'P' -> "mm" + insn.reg;
      case 'Q', 'N' -> insn.memory() ? memory(insn) : "mm" + insn.rm;
      case 'S' -> operand.equals("STi") ? "st" + insn.rm : operand.toLowerCase(Locale.ROOT);
      case 'V' -> vector(insn, operand, insn.reg);
      case 'W', 'U' -> insn.memory() ? memory(insn) : vector(insn, operand, insn.rm);
      case 'I' -> Long.toHexString(insn.imm);
      case 'J' -> {
        long target = insn.rip + insn.length + insn.imm - address;
        yield target >= 0 && target < size ? "-> %x".formatted(target) : "-> common";
      }
      default -> operand;
    };
  }

  private static String vector(Insn insn, String operand, int number) {
    boolean wide =
        switch (operand.substring(1)) {
          case "x", "ps", "pd" -> insn.l256;
          default -> false;
        };
    return (wide ? "ymm" : "xmm") + number;
  }

  private static int bytes(String operand, Insn insn) {
    char width = operand.length() > 1 ? operand.charAt(1) : 'v';
    return switch (width) {
      case 'b' -> 1;
      case 'w' -> 2;
      case 'd' -> 4;
      case 'q' -> 8;
      default -> insn.operandSize;
    };
  }

  private static String register(int number, int bytes, boolean rex) {
    if (number < 0) {
      return "?";
    }
    if (number >= 8) {
      return "r" + number + (bytes == 8 ? "" : bytes == 4 ? "d" : bytes == 2 ? "w" : "b");
    }
    String name = NAMES[number];
    if (bytes == 1) {
      boolean high = !rex && number >= 4;
      char first = NAMES[number & (high ? 3 : 7)].charAt(0);
      return high ? first + "h" : number < 4 ? first + "l" : name + "l";
    }
    return bytes == 8 ? "r" + name : bytes == 4 ? "e" + name : name;
  }

  private static String memory(Insn insn) {
    StringBuilder text = new StringBuilder(insn.segment == Segment.GS ? "gs:[" : "[");
    if (insn.base == Insn.RIP) {
      text.append("rip");
    } else if (insn.base >= 0) {
      text.append(register(insn.base, 8, false));
    }
    if (insn.index >= 0) {
      text.append("+%s*%d".formatted(register(insn.index, 8, false), 1 << insn.scale));
    }
    if (insn.displacement != 0) {
      String sign = insn.displacement < 0 ? "-" : insn.base >= 0 || insn.index >= 0 ? "+" : "";
      text.append(sign).append(Long.toHexString(Math.abs(insn.displacement)));
    }
    return text.append(']').toString();
  }
}
