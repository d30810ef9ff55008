package isola.cpu.x86.interpreter;

import isola.core.cpu.HostCodeListener;
import isola.core.memory.GuestMemory;
import isola.cpu.x86.cpu.Cpu;

/**
 * Runs what it can of a processor's instructions in a quicker way than the interpreter, which does
 * the rest, delivers events and exceptions, and answers to the machine. Owner thread of the vCPU
 * only.
 */
public interface Accelerator extends AutoCloseable {
  /** Gives each processor of a machine its accelerator. */
  interface Factory {
    /** Bytes of processor state that it wants, from the state's address on. */
    int stateSize();

    /** The accelerator of one processor. */
    Accelerator create(Cpu cpu, GuestMemory memory, CodeHolder holder);
  }

  /** Where an accelerator says which guest pages it holds code of. */
  interface CodeHolder {
    /** To be called before code of a guest physical page is read: from then on writes are told. */
    void hold(long page);

    /** No code of a page is held any more. */
    void release(long page);
  }

  /**
   * Runs from the processor's RIP until an event waits ({@code ATTENTION} is not zero) or something
   * is met that is left to the interpreter; RIP and all state are current when it returns.
   *
   * @return how many blocks the interpreter should execute now at most; 0 if an event waits; {@link
   *     #FAULT} if the instruction at RIP faulted; {@link #FAILED}
   */
  int run();

  /**
   * Guest instructions that the last {@link #run} executed; 0 unless {@code INSTRUCTION_LIMIT} in
   * the state is set, which it then keeps to, with {@code INSTRUCTIONS} as the count before.
   */
  long retired();

  /** What {@link #run} returns where an exception is to be delivered. */
  int FAULT = -1;

  /** Vector of that exception. */
  int faultVector();

  /** Its error code. */
  int faultError();

  /** The accelerator itself failed, and says how in {@link #failure}. */
  int FAILED = -2;

  /** What went wrong last: a sentence without its full stop, then lines for who mends it. */
  String failure();

  /**
   * {@code length} bytes at a guest physical address, inside one held page, are about to change.
   */
  void written(long physical, int length);

  /** Drops all code that is held. */
  void dropAll();

  /** Names all its host code. Owner thread, or any while the vCPU is stopped. */
  void hostCode(HostCodeListener listener);

  /** Adds what it counts, by name. Any thread. */
  void count(java.util.Map<String, Long> counters);

  @Override
  void close();
}
