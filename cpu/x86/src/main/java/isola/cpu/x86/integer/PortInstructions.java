package isola.cpu.x86.integer;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.decode.Insn;
import isola.cpu.x86.system.DebugRegisters;
import isola.cpu.x86.system.IoPermission;

/** IN and OUT (Intel SDM vol. 1 chapter 19). */
final class PortInstructions {
  private PortInstructions() {}

  static void check(Cpu cpu, int port, int size) {
    IoPermission.check(cpu, port, size);
  }

  static int read(Cpu cpu, int port, int size) {
    int value = cpu.wiring.ports().in(port, size);
    if (DebugRegisters.watchesPorts(cpu)) {
      DebugRegisters.port(cpu, port, size);
    }
    return value;
  }

  static void write(Cpu cpu, int port, int size, int value) {
    cpu.wiring.ports().out(port, size, value);
    if (DebugRegisters.watchesPorts(cpu)) {
      DebugRegisters.port(cpu, port, size);
    }
  }

  private static int port(Cpu cpu, Insn insn, int operand) {
    boolean immediate = insn.form != null && insn.form.operand(operand).equals("Ib");
    return immediate ? (int) insn.imm & 0xff : (int) cpu.gpr(Operands.RDX) & 0xffff;
  }

  static void in(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    int port = port(cpu, insn, 1);
    check(cpu, port, size);
    cpu.reg(Operands.RAX, size, true, read(cpu, port, size));
  }

  static void out(Cpu cpu, Insn insn) {
    int size = insn.operandSize;
    int port = port(cpu, insn, 0);
    check(cpu, port, size);
    write(cpu, port, size, (int) cpu.reg(Operands.RAX, size, true));
  }
}
