package isola.cpu.kvm;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.CpuidTable.Row;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmCpuid2;
import isola.cpu.kvm.abi.KvmCpuidEntry2;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.x86.model.CpuModel;
import isola.cpu.x86.spec.CpuidSpec;
import isola.cpu.x86.spec.XsaveSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * What CPUID answers in a guest: the model's table, and of its features those alone that this host
 * can give. The bits that KVM sees to itself are left to it.
 */
final class GuestCpuid {
  /** Leaf 80000008h, EAX: bits of a physical address. */
  private static final int ADDRESS_WIDTH = 0xff;

  /** Leaves in which models of different levels have different features. */
  private static final int[] LEVEL_LEAVES = {
    CpuidSpec.FEATURES, CpuidSpec.STRUCTURED, CpuidSpec.XSTATE, CpuidSpec.EXTENDED_FEATURES
  };

  /**
   * Paravirtual features that a guest uses by a hypercall, which is VMCALL to it as its processor
   * is Intel's.
   */
  private static final int BY_HYPERCALL = CpuidSpec.KVM_PV_UNHALT | CpuidSpec.KVM_PV_SEND_IPI;

  /** CPUID leaf 0, EBX: how the names AuthenticAMD and HygonGenuine begin. */
  private static final int AUTHENTIC_AMD = 0x6874_7541;

  private static final int HYGON_GENUINE = 0x6f67_7948;

  private final CpuidTable host;
  private final boolean deadlineTimer;

  /**
   * A filter for this host.
   *
   * @param supported what KVM can give
   * @param deadlineTimer whether its local APIC has the TSC-deadline mode, which KVM tells apart
   */
  GuestCpuid(List<Row> supported, boolean deadlineTimer) {
    host = new CpuidTable(supported);
    this.deadlineTimer = deadlineTimer;
  }

  /** The highest level of x86-64 all of which this host can give: 2 or 3. */
  int level() {
    CpuidTable lower = CpuModel.v2().table(0, 1, CpuModel.APIC_BUS_HZ, true);
    CpuidTable higher = CpuModel.v3().table(0, 1, CpuModel.APIC_BUS_HZ, true);
    CpuidTable given = new CpuidTable(rows(higher));
    boolean all = true;
    for (int leaf : LEVEL_LEAVES) {
      Row from = lower.find(leaf, 0);
      Row to = higher.find(leaf, 0);
      Row here = given.find(leaf, 0);
      if (from == null || to == null || here == null) {
        return 2;
      }
      all &=
          (to.eax() & ~from.eax() & ~here.eax()) == 0
              && (to.ebx() & ~from.ebx() & ~here.ebx()) == 0
              && (to.ecx() & ~from.ecx() & ~here.ecx()) == 0
              && (to.edx() & ~from.edx() & ~here.edx()) == 0;
    }
    return all ? 3 : 2;
  }

  /** The rows that a guest of this model gets here. */
  List<Row> rows(CpuidTable model) {
    List<Row> rows = new ArrayList<>();
    int states = states(model);
    for (Row row : model.rows()) {
      rows.add(row(row, states));
    }
    return rows;
  }

  private Row row(Row row, int states) {
    Row have = find(row.leaf(), row.subleaf() == CpuidTable.ANY ? 0 : row.subleaf());
    return switch (row.leaf()) {
      case CpuidSpec.FEATURES -> {
        int own = CpuidSpec.HYPERVISOR_PRESENT | (deadlineTimer ? CpuidSpec.TSC_DEADLINE : 0);
        yield with(
            row,
            row.eax(),
            row.ebx(),
            row.ecx() & (have.ecx() | own),
            row.edx() & (have.edx() | CpuidSpec.HTT));
      }
      case CpuidSpec.THERMAL -> with(row, row.eax() & have.eax(), 0, 0, 0);
      case CpuidSpec.STRUCTURED -> {
        int protectionKeys = (states & XsaveSpec.PKRU) == 0 ? CpuidSpec.PKU : 0;
        yield with(
            row,
            row.eax(),
            row.ebx() & have.ebx(),
            row.ecx() & have.ecx() & ~protectionKeys,
            row.edx() & have.edx());
      }
      case CpuidSpec.XSTATE -> xstate(row, have, states);
      case CpuidSpec.KVM_FEATURES ->
          with(row, row.eax() & have.eax() & ~(otherHypercall() ? BY_HYPERCALL : 0), 0, 0, 0);
      case CpuidSpec.EXTENDED_FEATURES ->
          with(row, row.eax(), row.ebx(), row.ecx() & have.ecx(), row.edx() & have.edx());
      case CpuidSpec.POWER -> with(row, row.eax(), row.ebx(), row.ecx(), row.edx() & have.edx());
      case CpuidSpec.ADDRESS_SIZES -> {
        int physical = Math.min(row.eax() & ADDRESS_WIDTH, have.eax() & ADDRESS_WIDTH);
        yield with(row, (row.eax() & ~ADDRESS_WIDTH) | physical, row.ebx(), row.ecx(), row.edx());
      }
      default -> row;
    };
  }

  /**
   * Whether the host's hypercall is VMMCALL. KVM then writes it over a guest's VMCALL when that is
   * first executed, and where the guest's code is read-only, as Linux's is, that is a page fault in
   * the guest, which ends it.
   */
  private boolean otherHypercall() {
    int vendor = find(0, 0).ebx();
    return vendor == AUTHENTIC_AMD || vendor == HYGON_GENUINE;
  }

  private Row xstate(Row row, Row have, int states) {
    int size =
        (states & XsaveSpec.PKRU) != 0
            ? XsaveSpec.PKRU_OFFSET + XsaveSpec.PKRU_SIZE
            : (states & XsaveSpec.AVX) != 0
                ? XsaveSpec.AVX_OFFSET + XsaveSpec.AVX_SIZE
                : XsaveSpec.EXTENDED;
    return switch (row.subleaf()) {
      case 0 -> with(row, states, XsaveSpec.EXTENDED, size, 0);
      case 1 -> with(row, row.eax() & have.eax(), XsaveSpec.EXTENDED, 0, 0);
      default -> (states & 1 << row.subleaf()) != 0 ? row : with(row, 0, 0, 0, 0);
    };
  }

  /**
   * The states of the model that this host saves, and saves at the same place: a guest that moves
   * to another engine must find them where CPUID said.
   */
  private int states(CpuidTable model) {
    Row wanted = model.find(CpuidSpec.XSTATE, 0);
    int states = wanted == null ? 0 : wanted.eax() & find(CpuidSpec.XSTATE, 0).eax();
    for (int component = 2; component < 32; component++) {
      Row there = model.find(CpuidSpec.XSTATE, component);
      Row here = find(CpuidSpec.XSTATE, component);
      if (there == null || there.eax() != here.eax() || there.ebx() != here.ebx()) {
        states &= ~(1 << component);
      }
    }
    return states;
  }

  /** Offset of the PKRU state in this host's XSAVE area, or 0. */
  int hostPkruOffset() {
    return find(CpuidSpec.XSTATE, XsaveSpec.PKRU_COMPONENT).ebx();
  }

  /** The states that this host saves. */
  int hostStates() {
    return find(CpuidSpec.XSTATE, 0).eax();
  }

  private Row find(int leaf, int subleaf) {
    Row row = host.find(leaf, subleaf);
    return row == null ? new Row(leaf, subleaf, 0, 0, 0, 0) : row;
  }

  private static Row with(Row row, int eax, int ebx, int ecx, int edx) {
    return new Row(row.leaf(), row.subleaf(), eax, ebx, ecx, edx);
  }

  /** Gives a processor its table. */
  static void set(KvmVcpu vcpu, List<Row> rows) {
    try (Buffer buffer = new Buffer(KvmCpuid2.SIZE + (long) rows.size() * KvmCpuidEntry2.SIZE)) {
      RawMemory.putInt(buffer.address() + KvmCpuid2.NENT, rows.size());
      long at = buffer.address() + KvmCpuid2.ENTRIES;
      for (Row row : rows) {
        boolean any = row.subleaf() == CpuidTable.ANY;
        RawMemory.putInt(at + KvmCpuidEntry2.FUNCTION, row.leaf());
        RawMemory.putInt(at + KvmCpuidEntry2.INDEX, any ? 0 : row.subleaf());
        RawMemory.putInt(
            at + KvmCpuidEntry2.FLAGS, any ? 0 : KvmSpec.KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
        RawMemory.putInt(at + KvmCpuidEntry2.EAX, row.eax());
        RawMemory.putInt(at + KvmCpuidEntry2.EBX, row.ebx());
        RawMemory.putInt(at + KvmCpuidEntry2.ECX, row.ecx());
        RawMemory.putInt(at + KvmCpuidEntry2.EDX, row.edx());
        at += KvmCpuidEntry2.SIZE;
      }
      vcpu.require("the CPUID table", KvmSpec.KVM_SET_CPUID2, buffer.address());
    }
  }
}
