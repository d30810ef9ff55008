package isola.core.cpu;

/** Why {@link Vcpu#run} returned; the details are in {@link ExitRecord}. */
public enum Exit {
  /** An IN instruction: put the value into {@link ExitRecord#data} and run again. */
  PORT_IN,
  /** An OUT instruction. */
  PORT_OUT,
  /** A read of device memory: put the value into {@link ExitRecord#data} and run again. */
  MMIO_READ,
  /** A write of device memory. */
  MMIO_WRITE,
  /** HLT (or a processor that waits for its start-up IPI): nothing to do until an event arrives. */
  HALT,
  /** A system call of a guest without a kernel. */
  SYSTEM_CALL,
  /** An exception of a guest without a kernel. */
  FAULT,
  /** The guest can take an interrupt again, as was asked for. */
  INTERRUPT_WINDOW,
  /** A triple fault. */
  SHUTDOWN,
  /** {@link Vcpu#kick} was called. */
  KICK,
  /** A breakpoint or single step that belongs to the debugger. */
  DEBUG,
  /** The engine cannot go on; {@link ExitRecord#detail} says why. */
  INTERNAL_ERROR
}
