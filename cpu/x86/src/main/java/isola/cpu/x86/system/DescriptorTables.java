package isola.cpu.x86.system;

import isola.cpu.x86.cpu.Cpu;
import isola.cpu.x86.cpu.Fault;
import isola.cpu.x86.spec.Attribute;
import isola.cpu.x86.spec.DescriptorSpec;
import isola.cpu.x86.spec.Segment;
import isola.cpu.x86.spec.Vector;
import isola.cpu.x86.state.CpuState;

/** Descriptors in the GDT and the current LDT (Intel SDM vol. 3A 3.5). */
final class DescriptorTables {
  private DescriptorTables() {}

  /** To be thrown: an exception whose error code is a selector. */
  static Fault fault(Cpu cpu, int vector, int selector) {
    return cpu.fault(vector, selector & 0xfffc);
  }

  static Fault gp(Cpu cpu, int selector) {
    return cpu.fault(Vector.GP, selector & 0xfffc);
  }

  static boolean isNull(int selector) {
    return (selector & 0xfffc) == 0;
  }

  /** A linear address in the width of the mode: addresses wrap at 4 GiB outside IA-32e mode. */
  static long wrap(Cpu cpu, long linear) {
    return cpu.longModeActive() ? linear : linear & 0xffff_ffffL;
  }

  /** Linear address of a descriptor of {@code length} bytes, or -1 beyond the table's limit. */
  static long find(Cpu cpu, int selector, int length) {
    int index = selector & DescriptorSpec.SELECTOR_INDEX;
    long base;
    long limit;
    if ((selector & DescriptorSpec.TI) == 0) {
      base = cpu.field(CpuState.GDTR_BASE);
      limit = cpu.field(CpuState.GDTR_LIMIT) & 0xffff;
    } else {
      if ((cpu.attributes(Segment.LDTR) & Attribute.UNUSABLE) != 0) {
        return -1;
      }
      base = cpu.base(Segment.LDTR);
      limit = cpu.limit(Segment.LDTR);
    }
    return index + length - 1 > limit ? -1 : wrap(cpu, base + index);
  }

  /** As {@link #find}, but beyond the limit throws {@code vector} with the selector. */
  static long address(Cpu cpu, int selector, int length, int vector) {
    long address = find(cpu, selector, length);
    if (address == -1) {
      throw fault(cpu, vector, selector);
    }
    return address;
  }

  /** The 8 bytes at a descriptor's address. */
  static long read(Cpu cpu, long address) {
    return cpu.loadLinear(address, 8, true);
  }

  /** Upper half of a 16-byte descriptor. */
  static long readHigh(Cpu cpu, long address) {
    return cpu.loadLinear(wrap(cpu, address + 8), 8, true);
  }

  /**
   * Sets the accessed bit of a code or data descriptor that was just read, as a locked access
   * (Intel SDM vol. 3A 8.1.2.1); returns the descriptor with the bit set.
   */
  static long access(Cpu cpu, long address, long descriptor) {
    if ((Descriptor.type(descriptor) & Attribute.ACCESSED) == 0) {
      cpu.orLinear(wrap(cpu, address + Descriptor.ACCESS_BYTE), Attribute.ACCESSED);
    }
    return descriptor | (long) Attribute.ACCESSED << 40;
  }

  /** Marks a TSS descriptor busy. */
  static void setBusy(Cpu cpu, long address) {
    cpu.orLinear(wrap(cpu, address + Descriptor.ACCESS_BYTE), DescriptorSpec.BUSY);
  }

  /** Marks a TSS descriptor available. */
  static void clearBusy(Cpu cpu, long address) {
    cpu.andLinear(wrap(cpu, address + Descriptor.ACCESS_BYTE), ~DescriptorSpec.BUSY);
  }

  /** Loads a segment register's hidden part from an 8-byte descriptor. */
  static void install(Cpu cpu, int seg, int selector, long descriptor) {
    cpu.segment(
        seg,
        selector,
        Descriptor.attributes(descriptor),
        Descriptor.base(descriptor),
        Descriptor.limit(descriptor));
  }

  /** Makes a segment register hold a null selector; the limit stays, as on Intel processors. */
  static void installNull(Cpu cpu, int seg, int selector) {
    cpu.segment(seg, selector, Attribute.UNUSABLE, 0, cpu.limit(seg));
  }
}
