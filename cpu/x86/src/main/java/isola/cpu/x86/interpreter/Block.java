package isola.cpu.x86.interpreter;

import isola.cpu.x86.decode.Insn;
import org.jspecify.annotations.Nullable;

/** A run of instructions with one entry, decoded: ends at a branch, a page's end or a limit. */
final class Block {
  /** Most instructions of a block. */
  static final int LIMIT = 48;

  /** A linear address that nothing is mapped at, see {@link #linear}. */
  static final long NOWHERE = -1;

  final long rip;

  /**
   * Linear address of the first byte; {@link #NOWHERE} once dropped, so that no link is followed.
   */
  long linear;

  /** Host address of the first byte, 0 if it is not in memory. */
  final long host;

  final int mode;

  /** Guest physical address of the first byte. */
  long physical;

  /** Host address of the second page's beginning if the only instruction runs into it, else 0. */
  long secondHost;

  long secondPhysical;

  Insn first;
  int count;

  /** Bytes of code. */
  int length;

  /** Address after the last instruction. */
  long end;

  /** Where a direct branch at the end goes. */
  long target;

  @Nullable Block taken;
  @Nullable Block fall;

  /** Next in the cache's bucket. */
  @Nullable Block bucket;

  Block(long rip, long linear, long host, int mode, Insn first) {
    this.rip = rip;
    this.linear = linear;
    this.host = host;
    this.mode = mode;
    this.first = first;
  }
}
