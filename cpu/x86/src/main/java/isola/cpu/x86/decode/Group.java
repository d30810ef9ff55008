package isola.cpu.x86.decode;

/** Which part of the processor executes an instruction. */
public enum Group {
  /** Integer, branch and string instructions: the interpreter itself. */
  INTEGER,
  /** System instructions and far transfers. */
  SYSTEM,
  X87,
  MMX,
  /** XMM registers, and the instructions between them and MMX. */
  SSE
}
