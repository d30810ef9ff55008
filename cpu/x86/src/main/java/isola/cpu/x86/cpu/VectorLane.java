package isola.cpu.x86.cpu;

/**
 * The 16 bytes that a VEX-encoded instruction works on at a moment: its operations see one such
 * lane after the other, in the same way in which they see an XMM register without VEX. Host
 * addresses inside the processor's state. Owner thread only.
 */
public final class VectorLane {
  /** The lane's result, at first a copy of the first source: 16 bytes. */
  public long to;

  /** The lane's part of the second source. */
  public long from;

  /** 0 for the low lane, 1 for the upper. */
  public int number;

  /** Whether no other lane follows. */
  public boolean last = true;

  VectorLane() {}
}
