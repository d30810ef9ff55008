package isola.core.cpu;

/**
 * Model-specific registers that live outside the processor core: local APIC, paravirtual clock,
 * memory type ranges. Owner thread of the vCPU.
 */
public interface MsrPort {
  /** Outcome of an access. */
  enum Access {
    /** Done; a read's value is in {@link MsrPort#value}. */
    OK,
    /** The register is here but refuses (reserved bits, wrong mode): the guest gets #GP(0). */
    FAULT,
    /** No such register here. */
    ABSENT
  }

  /** Reads a register; on {@link Access#OK} the result is in {@link #value}. */
  Access read(int index);

  /** The value of the last read that went well. */
  long value();

  /** Writes a register. */
  Access write(int index, long value);

  /** No register at all. */
  MsrPort NONE =
      new MsrPort() {
        @Override
        public Access read(int index) {
          return Access.ABSENT;
        }

        @Override
        public long value() {
          return 0;
        }

        @Override
        public Access write(int index, long value) {
          return Access.ABSENT;
        }
      };
}
