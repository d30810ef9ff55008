package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.TssSpec;
import isola.cpu.x86.spec.Vector;

/**
 * The stack of a more privileged level as the current TSS gives it (Intel SDM vol. 3A 5.8.5).
 *
 * @param selector SS, checked
 * @param address where its descriptor is
 * @param descriptor that descriptor, checked
 * @param pointer ESP or SP
 */
record InnerStack(int selector, long address, long descriptor, long pointer) {

  /** SS and ESP for a privilege level of 0 to 2 outside IA-32e mode; #TS and #SS as they apply. */
  static InnerStack find(Cpu cpu, int privilege) {
    boolean wide = (cpu.attributes(Segment.TR) & DescriptorSpec.TYPE_32) == DescriptorSpec.TYPE_32;
    int at = wide ? TssSpec.ESP0 + 8 * privilege : TssSpec.SP0_16 + 4 * privilege;
    int size = wide ? 4 : 2;
    if (at + size + 1 > cpu.limit(Segment.TR)) {
      throw tss(cpu, cpu.selector(Segment.TR));
    }
    long base = cpu.base(Segment.TR) + at;
    long pointer = cpu.loadLinear(DescriptorTables.wrap(cpu, base), size, true);
    int selector = (int) cpu.loadLinear(DescriptorTables.wrap(cpu, base + size), 2, true);
    if (DescriptorTables.isNull(selector)) {
      throw tss(cpu, selector);
    }
    long address = DescriptorTables.address(cpu, selector, 8, Vector.TS);
    long d = DescriptorTables.read(cpu, address);
    if ((selector & DescriptorSpec.RPL) != privilege
        || Descriptor.dpl(d) != privilege
        || !Descriptor.writableData(d)) {
      throw tss(cpu, selector);
    }
    if (!Descriptor.present(d)) {
      throw DescriptorTables.fault(cpu, Vector.SS, selector);
    }
    return new InnerStack(selector, address, d, pointer);
  }

  /** RSP0 to RSP2 of the 64-bit TSS. */
  static long rsp(Cpu cpu, int privilege) {
    return field(cpu, TssSpec.RSP0_64 + 8 * privilege);
  }

  /** IST1 to IST7 of the 64-bit TSS. */
  static long ist(Cpu cpu, int number) {
    return field(cpu, TssSpec.IST0_64 + 8 * number);
  }

  private static long field(Cpu cpu, int at) {
    if (at + 7 > cpu.limit(Segment.TR)) {
      throw tss(cpu, cpu.selector(Segment.TR));
    }
    long pointer = cpu.loadLinear(cpu.base(Segment.TR) + at, 8, true);
    if (!Canonical.is(cpu, pointer)) {
      throw cpu.fault(Vector.SS, 0);
    }
    return pointer;
  }

  private static Fault tss(Cpu cpu, int selector) {
    return DescriptorTables.fault(cpu, Vector.TS, selector);
  }
}
