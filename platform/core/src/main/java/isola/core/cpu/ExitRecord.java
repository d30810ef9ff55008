package isola.core.cpu;

/**
 * Details of a vCPU's last exit: one mutable object per vCPU, so that an exit allocates nothing.
 * Owner thread only.
 */
public final class ExitRecord {
  /** An empty record. */
  public ExitRecord() {}

  /** Port number, or guest physical address of device memory. */
  public long address;

  /** Access size in bytes: 1, 2, 4 or 8. */
  public int size;

  /** The value written, or the place for the value read. */
  public long data;

  /** Exception vector of {@link Exit#FAULT}. */
  public int vector;

  /**
   * One sentence for {@link Exit#SHUTDOWN} and {@link Exit#INTERNAL_ERROR}; for the latter, lines
   * for whoever mends the engine may follow.
   */
  public String detail = "";
}
