package isola.cpu.x86.system;

/** What interrupts the program (Intel SDM vol. 3A 6.3 and 6.4). */
public enum EventKind {
  /** A maskable interrupt from outside. */
  EXTERNAL,
  /** A non-maskable interrupt. */
  NMI,
  /** A fault, trap or abort that the processor found. */
  EXCEPTION,
  /** INT n. */
  SOFTWARE_INT,
  /** INT3 in its one-byte form. */
  INT3,
  /** INTO. */
  INTO,
  /** INT1: a #DB that is not privileged by the gate's DPL. */
  ICEBP;

  /** Whether the gate's DPL guards it. */
  boolean software() {
    return this == SOFTWARE_INT || this == INT3 || this == INTO;
  }
}
