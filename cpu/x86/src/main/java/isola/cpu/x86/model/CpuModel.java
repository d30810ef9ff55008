package isola.cpu.x86.model;

import static isola.cpu.x86.spec.CpuidSpec.*;

import isola.core.cpu.CpuidTable;
import isola.core.cpu.CpuidTable.Row;
import isola.cpu.x86.spec.XsaveSpec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A processor model: the CPUID table of each processor of a machine.
 *
 * <p>A model is one of the levels v2 and v3 of x86-64 with the supervisor features that kernels of
 * its time use. It says GenuineIntel, family 6, model 1Ch, stepping 10 and brand "Isola". Vendor
 * and model are those of a processor that executes in order: operating systems then know, rightly,
 * that nothing here runs speculatively, and leave page-table isolation and the other mitigations
 * off. Where Intel and AMD differ, this processor does as Intel's manual says.
 *
 * @param level 2 or 3: the level of x86-64
 * @param fiveLevelPaging whether LA57 is offered; kernels then use it, and each walk costs a step
 *     more
 */
public record CpuModel(int level, boolean fiveLevelPaging) {
  /** MAXPHYADDR: bits of a physical address. */
  public static final int PHYSICAL_BITS = 46;

  /**
   * Frequency of the local APIC timer's input in Hz, which CPUID also gives as the core crystal
   * clock.
   */
  public static final long APIC_BUS_HZ = 1_000_000_000L;

  /**
   * Linux multiplies the crystal's frequency in kHz by the numerator of CPUID leaf 15h in 32 bits
   * (arch/x86/kernel/tsc.c, {@code native_calibrate_tsc}).
   */
  private static final long MOST_NUMERATOR = 0xffff_ffffL / (APIC_BUS_HZ / 1000);

  private static final int SIGNATURE = 0x000106ca;
  private static final int LINE = 64;
  private static final int MAX_BASIC = FREQUENCY;

  private static final int L1_FEATURES_ECX =
      SSE3
          | PCLMULQDQ
          | SSSE3
          | CMPXCHG16B
          | PCID
          | SSE4_1
          | SSE4_2
          | X2APIC
          | MOVBE
          | POPCNT
          | TSC_DEADLINE
          | AES
          | XSAVE
          | RDRAND
          | HYPERVISOR_PRESENT;

  private static final int L1_FEATURES_EDX =
      FPU
          | VME
          | DE
          | PSE
          | TSC
          | MSR
          | PAE
          | MCE
          | CX8
          | APIC
          | SEP
          | MTRR
          | PGE
          | MCA
          | CMOV
          | PAT
          | PSE36
          | CLFSH
          | MMX
          | FXSR
          | SSE
          | SSE2
          | SELF_SNOOP;

  private static final int KVM_OFFERED =
      KVM_NOP_IO_DELAY
          | KVM_CLOCKSOURCE2
          | KVM_PV_UNHALT
          | KVM_PV_SEND_IPI
          | KVM_CLOCKSOURCE_STABLE;

  private static final int STRUCTURED_EBX =
      FSGSBASE
          | TSC_ADJUST
          | FDP_EXCEPTION_ONLY
          | SMEP
          | ERMS
          | INVPCID
          | FCS_FDS_DEPRECATED
          | RDSEED
          | SMAP;

  private static final int V3_FEATURES_ECX = FMA | AVX | F16C;
  private static final int V3_STRUCTURED_EBX = BMI1 | AVX2 | BMI2;
  private static final int V3_EXTENDED_ECX = ABM;

  /** x86-64-v2; four-level paging. */
  public static CpuModel v2() {
    return level(2);
  }

  /** x86-64-v3; four-level paging. */
  public static CpuModel v3() {
    return level(3);
  }

  /** The model of a level that an engine offers: the best one up to it, with four-level paging. */
  public static CpuModel level(int level) {
    return new CpuModel(Math.clamp(level, 2, 3), false);
  }

  /** The model by the name that the user gives, such as {@code v3-la57}, if there is one. */
  public static Optional<CpuModel> named(String name) {
    for (int level = 2; level <= 3; level++) {
      CpuModel model = level(level);
      if (name.equals(model.name())) {
        return Optional.of(model);
      }
      if (name.equals(model.withFiveLevelPaging().name())) {
        return Optional.of(model.withFiveLevelPaging());
      }
    }
    return Optional.empty();
  }

  /** What the user calls it. */
  public String name() {
    return "v" + level + (fiveLevelPaging ? "-la57" : "");
  }

  /** The same model with five-level paging offered. */
  public CpuModel withFiveLevelPaging() {
    return new CpuModel(level, true);
  }

  private int v3(int bits) {
    return level >= 3 ? bits : 0;
  }

  /**
   * The table of one processor.
   *
   * @param index its number, which is its APIC id, 0 to {@code count - 1}
   * @param count processors in the machine, 1 to 255
   * @param tscHz time-stamp counter frequency in Hz, below 2^32 * 1000
   * @param kvmLeaves whether the KVM signature and features are shown, for guests that know KVM's
   *     paravirtual clock and the hypercalls for interrupts
   */
  public CpuidTable table(int index, int count, long tscHz, boolean kvmLeaves) {
    if (count < 1 || count > 255 || index < 0 || index >= count) {
      throw new IllegalArgumentException(
          "processor %d of %d does not exist".formatted(index, count));
    }
    List<Row> rows = new ArrayList<>();
    basic(rows, index, count);
    topology(rows, index, count);
    xstate(rows);
    timing(rows, tscHz);
    hypervisor(rows, tscHz, kvmLeaves);
    extended(rows);
    return new CpuidTable(rows);
  }

  private static void row(List<Row> rows, int leaf, int eax, int ebx, int ecx, int edx) {
    rows.add(new Row(leaf, CpuidTable.ANY, eax, ebx, ecx, edx));
  }

  private void basic(List<Row> rows, int index, int count) {
    row(rows, 0, MAX_BASIC, word("Genu"), word("ntel"), word("ineI"));
    row(
        rows,
        FEATURES,
        SIGNATURE,
        (LINE / 8) << 8 | (count == 1 ? 1 : idSpace(count)) << 16 | index << 24,
        L1_FEATURES_ECX | v3(V3_FEATURES_ECX),
        L1_FEATURES_EDX | (count > 1 ? HTT : 0));
    // AL is always 1; F0h: 64-byte prefetch; FFh: caches are in leaf 4.
    row(rows, CACHE_DESCRIPTORS, 0x00f0ff01, 0, 0, 0);
    row(rows, THERMAL, ARAT, 0, 0, 0);
    rows.add(
        new Row(
            STRUCTURED,
            0,
            0,
            STRUCTURED_EBX | v3(V3_STRUCTURED_EBX),
            UMIP | PKU | (fiveLevelPaging ? LA57 : 0),
            FSRM));
  }

  /** Size of the APIC id space that {@code count} processors need: a power of two. */
  private static int idSpace(int count) {
    return count == 1 ? 1 : Integer.highestOneBit(count - 1) << 1;
  }

  private static void topology(List<Row> rows, int index, int count) {
    cache(rows, 0, 1, 1, 32 << 10, 8, 1, count);
    cache(rows, 1, 2, 1, 32 << 10, 8, 1, count);
    cache(rows, 2, 3, 2, 1 << 20, 16, 1, count);
    cache(rows, 3, 3, 3, 16 << 20, 16, count, count);
    // Level type 1 is a thread, 2 a core; one thread in each core.
    int shift = Integer.numberOfTrailingZeros(idSpace(count));
    rows.add(new Row(TOPOLOGY, 0, 0, 1, 1 << 8, index));
    rows.add(new Row(TOPOLOGY, 1, shift, count, 2 << 8 | 1, index));
    rows.add(new Row(TOPOLOGY, 2, 0, 0, 2, index));
  }

  private static void cache(
      List<Row> rows,
      int subleaf,
      int type,
      int level,
      int size,
      int ways,
      int sharing,
      int count) {
    int selfInitializing = 1 << 8;
    int inclusive = level == 3 ? 1 << 1 : 0;
    rows.add(
        new Row(
            CACHE_PARAMETERS,
            subleaf,
            type
                | level << 5
                | selfInitializing
                | (idSpace(sharing) - 1) << 14
                | (Math.min(idSpace(count), 64) - 1) << 26,
            (ways - 1) << 22 | (LINE - 1),
            size / LINE / ways - 1,
            inclusive));
  }

  private void xstate(List<Row> rows) {
    int size = XsaveSpec.PKRU_OFFSET + XsaveSpec.PKRU_SIZE;
    // EBX follows XCR0; the engine fills it in.
    rows.add(
        new Row(
            XSTATE,
            0,
            XsaveSpec.X87 | XsaveSpec.SSE | v3(XsaveSpec.AVX) | XsaveSpec.PKRU,
            XsaveSpec.EXTENDED,
            size,
            0));
    rows.add(new Row(XSTATE, 1, XSAVEOPT | XSAVEC | XGETBV1 | XSAVES, XsaveSpec.EXTENDED, 0, 0));
    if (level >= 3) {
      rows.add(
          new Row(XSTATE, XsaveSpec.AVX_COMPONENT, XsaveSpec.AVX_SIZE, XsaveSpec.AVX_OFFSET, 0, 0));
    }
    rows.add(
        new Row(
            XSTATE, XsaveSpec.PKRU_COMPONENT, XsaveSpec.PKRU_SIZE, XsaveSpec.PKRU_OFFSET, 0, 0));
  }

  private static void timing(List<Row> rows, long tscHz) {
    crystal(rows, tscHz);
    int megahertz = (int) (tscHz / 1_000_000);
    row(rows, FREQUENCY, megahertz, megahertz, 100, 0);
  }

  /**
   * The counter's frequency as a part of the crystal's: of those with a numerator that guests can
   * calculate with, the nearest, which is a convergent of the continued fraction or lies between
   * two.
   */
  private static void crystal(List<Row> rows, long tscHz) {
    long dividend = APIC_BUS_HZ;
    long divisor = tscHz;
    long denominatorBefore = 0;
    long numeratorBefore = 1;
    long denominator = 1;
    long numerator = 0;
    while (divisor != 0) {
      long quotient = dividend / divisor;
      long next = numeratorBefore + quotient * numerator;
      if (next > MOST_NUMERATOR) {
        long some = (MOST_NUMERATOR - numeratorBefore) / numerator;
        long between = numeratorBefore + some * numerator;
        if (2 * divisor * between > tscHz) {
          denominator = denominatorBefore + some * denominator;
          numerator = between;
        }
        break;
      }
      long nextDenominator = denominatorBefore + quotient * denominator;
      numeratorBefore = numerator;
      denominatorBefore = denominator;
      numerator = next;
      denominator = nextDenominator;
      long rest = dividend - quotient * divisor;
      dividend = divisor;
      divisor = rest;
    }
    row(rows, TSC_CRYSTAL, (int) denominator, (int) numerator, (int) APIC_BUS_HZ, 0);
  }

  private static void hypervisor(List<Row> rows, long tscHz, boolean kvmLeaves) {
    String signature = kvmLeaves ? "KVMKVMKVM\0\0\0" : "IsolaIsolaIs";
    row(
        rows,
        HYPERVISOR,
        HYPERVISOR_TIMING,
        word(signature.substring(0, 4)),
        word(signature.substring(4, 8)),
        word(signature.substring(8)));
    row(rows, KVM_FEATURES, kvmLeaves ? KVM_OFFERED : 0, 0, 0, 0);
    row(rows, HYPERVISOR_TIMING, (int) (tscHz / 1000), (int) (APIC_BUS_HZ / 1000), 0, 0);
  }

  private void extended(List<Row> rows) {
    row(rows, EXTENDED, ADDRESS_SIZES, 0, 0, 0);
    row(
        rows,
        EXTENDED_FEATURES,
        0,
        0,
        LAHF_LM | v3(V3_EXTENDED_ECX) | PREFETCHW,
        SYSCALL | NX | PAGES_1G | RDTSCP | LM);
    String brand = "%-47s\0".formatted("Isola virtual processor, x86-64-v" + level);
    for (int i = 0; i < 3; i++) {
      int at = 16 * i;
      row(
          rows,
          BRAND_FIRST + i,
          word(brand.substring(at, at + 4)),
          word(brand.substring(at + 4, at + 8)),
          word(brand.substring(at + 8, at + 12)),
          word(brand.substring(at + 12, at + 16)));
    }
    // L2: 1024 KiB, associativity code 8 (16 ways), line size.
    row(rows, EXTENDED_CACHE, 0, 0, 1024 << 16 | 8 << 12 | LINE, 0);
    row(rows, POWER, 0, 0, 0, INVARIANT_TSC);
    int linear = fiveLevelPaging ? 57 : 48;
    row(rows, ADDRESS_SIZES, linear << 8 | PHYSICAL_BITS, 0, 0, 0);
  }

  private static int word(String four) {
    byte[] bytes = four.getBytes(StandardCharsets.US_ASCII);
    return (bytes[0] & 0xff)
        | (bytes[1] & 0xff) << 8
        | (bytes[2] & 0xff) << 16
        | (bytes[3] & 0xff) << 24;
  }
}
