package isola.cpu.x86.decode;

/**
 * Mnemonics of the Intel SDM, one constant for each operation whatever its operands; order is of no
 * meaning.
 */
public enum Op {
  UD
}
