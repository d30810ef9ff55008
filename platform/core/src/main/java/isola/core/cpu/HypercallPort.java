package isola.core.cpu;

/**
 * The hypercalls that a machine answers to a guest's kernel (Linux
 * Documentation/virt/kvm/x86/hypercalls.rst). Engines that answer them inside (KVM) do not use it.
 */
@FunctionalInterface
public interface HypercallPort {
  /** What a hypercall answers that is not offered: minus KVM_ENOSYS. */
  long UNKNOWN = -1000;

  /** A machine without hypercalls. */
  HypercallPort NONE = (number, a0, a1, a2, a3, wide) -> UNKNOWN;

  /**
   * Performs a hypercall on the calling vCPU's thread; must not block.
   *
   * @param a0 the first argument; in a guest that is not {@code wide} 32 bits, zero-extended, as
   *     the others
   * @param wide whether the caller executes 64-bit code
   * @return the result, or a negative KVM error number
   */
  long call(long number, long a0, long a1, long a2, long a3, boolean wide);
}
