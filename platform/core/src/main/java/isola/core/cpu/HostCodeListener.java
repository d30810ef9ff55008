package isola.core.cpu;

/** Is told where host code stands that was made from guest code. */
@FunctionalInterface
public interface HostCodeListener {
  /**
   * A piece of host code.
   *
   * @param address where on the host it begins
   * @param size its bytes
   * @param name what it is of, without blanks
   */
  void code(long address, long size, String name);
}
