package isola.cpu.x86.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.memory.HostMemory;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The software TLB, without a processor. */
class TlbTest {
  private static final long BYTES = CpuState.ARCHITECTURAL_SIZE + Tlb.SIZE;
  private static final long HOST = 0x7f00_1234_5000L;

  private final long state = HostMemory.installed().reserve(BYTES, "a test");
  private final Tlb tlb = new Tlb(state);

  @AfterEach
  void release() {
    HostMemory.installed().release(state, BYTES);
  }

  private void fill(int table, long linear, long host) {
    tlb.fill(table, linear, true, true, host - linear, false, 12);
  }

  private long tag(int table, long linear, int access) {
    return RawMemory.getLong(Tlb.entry(tlb.table(table), linear) + access);
  }

  @Test
  void aPageOfTheHostIsProtectedWhereverItIsMapped() {
    long direct = 0xffff_8880_0123_4000L;
    long alias = 0x40_0000L;
    long sameBits = 0x50_1000L;
    long neighbour = 0x60_2000L;
    fill(Tlb.SUPERVISOR, direct, HOST);
    fill(Tlb.USER, alias, HOST);
    fill(Tlb.SUPERVISOR_AC, alias, HOST);
    fill(Tlb.USER, sameBits, HOST + (1 << 18));
    fill(Tlb.USER, neighbour, HOST + 4096);

    tlb.protect(HOST);

    assertThat(tag(Tlb.SUPERVISOR, direct, Tlb.WRITE) & 1).isEqualTo(1);
    assertThat(tag(Tlb.USER, alias, Tlb.WRITE) & 1).isEqualTo(1);
    assertThat(tag(Tlb.SUPERVISOR_AC, alias, Tlb.WRITE) & 1).isEqualTo(1);
    assertThat(tag(Tlb.USER, alias, Tlb.READ)).isEqualTo(alias);
    assertThat(tag(Tlb.USER, sameBits, Tlb.WRITE)).isEqualTo(sameBits);
    assertThat(tag(Tlb.USER, neighbour, Tlb.WRITE)).isEqualTo(neighbour);
  }

  @Test
  void theLastPageOfTheAddressSpaceLosesItsTagToOne() {
    long last = -4096;
    fill(Tlb.SUPERVISOR, last, HOST);
    tlb.protect(HOST);
    assertThat(tag(Tlb.SUPERVISOR, last, Tlb.WRITE)).isEqualTo(1);
  }
}
