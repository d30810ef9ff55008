package isola.cpu.translator;

import isola.cpu.x86.decode.Insn;
import org.jspecify.annotations.Nullable;

/** Sees host code come into being, and may put some where it does not belong. Owner thread. */
interface CodeWatch {
  /** May write host code before that of a guest instruction: how tests make it fault. */
  default void before(HostAssembler assembler, Insn guest) {}

  /**
   * Code was put in its place.
   *
   * @param block whose it is, or null for what all share
   * @param address where it executes
   * @param code holds it
   * @param size bytes of it
   */
  default void emitted(@Nullable Block block, long address, byte[] code, int size) {}
}
