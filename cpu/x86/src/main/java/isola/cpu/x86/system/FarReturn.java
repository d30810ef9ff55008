package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;

/** What far RET and IRET have in common (Intel SDM vol. 2A IRET, vol. 2B RET). */
final class FarReturn {
  private FarReturn() {}

  /** The address of the descriptor that a return's code selector names. */
  static long checkSelector(Cpu cpu, int selector) {
    if (DescriptorTables.isNull(selector)) {
      throw cpu.gp();
    }
    return DescriptorTables.address(cpu, selector, 8, Vector.GP);
  }

  /** Reads and checks the code descriptor to return to. */
  static long checkCode(Cpu cpu, int selector, long address) {
    long d = DescriptorTables.read(cpu, address);
    int rpl = selector & DescriptorSpec.RPL;
    if (!Descriptor.code(d) || rpl < cpu.cpl()) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkWidth(cpu, selector, d);
    boolean refused = Descriptor.conforming(d) ? Descriptor.dpl(d) > rpl : Descriptor.dpl(d) != rpl;
    if (refused) {
      throw DescriptorTables.gp(cpu, selector);
    }
    CodeSegment.checkPresent(cpu, selector, d);
    return d;
  }

  /**
   * Checks the stack segment of a return.
   *
   * @param code the code descriptor returned to
   * @return the descriptor's address, or -1 for a null selector that is allowed
   */
  static long checkStack(Cpu cpu, int stackSelector, int privilege, long code) {
    if (DescriptorTables.isNull(stackSelector)) {
      boolean allowed =
          cpu.longModeActive()
              && Descriptor.longCode(code)
              && privilege != 3
              && (stackSelector & DescriptorSpec.RPL) == privilege;
      if (!allowed) {
        throw cpu.gp();
      }
      return -1;
    }
    long address = DescriptorTables.address(cpu, stackSelector, 8, Vector.GP);
    long d = DescriptorTables.read(cpu, address);
    if ((stackSelector & DescriptorSpec.RPL) != privilege
        || !Descriptor.writableData(d)
        || Descriptor.dpl(d) != privilege) {
      throw DescriptorTables.gp(cpu, stackSelector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.SS, stackSelector);
    }
    return address;
  }

  /** Loads SS after {@link #checkStack}, its accessed bit being set already. */
  static void loadStack(Cpu cpu, int stackSelector, long address, long d) {
    if (address == -1) {
      DescriptorTables.installNull(cpu, Segment.SS, stackSelector);
    } else {
      DescriptorTables.install(cpu, Segment.SS, stackSelector, d);
    }
  }

  /** Return to another stack: all checks, then CS, SS, the stack pointer and the data segments. */
  static void outward(
      Cpu cpu,
      int selector,
      long address,
      long code,
      long offset,
      int stackSelector,
      long pointer,
      long release) {
    int privilege = selector & DescriptorSpec.RPL;
    boolean outer = privilege != cpu.cpl();
    long stackAddress = checkStack(cpu, stackSelector, privilege, code);
    CodeSegment.checkOffset(cpu, code, offset);
    long stack = 0;
    if (stackAddress != -1) {
      stack = DescriptorTables.access(cpu, stackAddress, DescriptorTables.read(cpu, stackAddress));
    }
    long d = DescriptorTables.access(cpu, address, code);
    CodeSegment.load(cpu, selector, d, privilege);
    loadStack(cpu, stackSelector, stackAddress, stack);
    cpu.modeChanged();
    Stack.setPointer(cpu, cpu.stackMask(), pointer + release);
    if (outer) {
      CodeSegment.dropInner(cpu, privilege);
    }
    cpu.nextRip(offset);
  }
}
