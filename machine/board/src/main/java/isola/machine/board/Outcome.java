package isola.machine.board;

/** How a machine's run ended. */
public sealed interface Outcome {
  /** One sentence for the user. */
  String sentence();

  /** Whether the guest ended of its own accord, in good order. */
  default boolean success() {
    return false;
  }

  /** The guest switched the machine off. */
  record PoweredOff() implements Outcome {
    @Override
    public String sentence() {
      return "The guest switched the machine off.";
    }

    @Override
    public boolean success() {
      return true;
    }
  }

  /** {@link Machine#stop} was called. */
  record Stopped() implements Outcome {
    @Override
    public String sentence() {
      return "The machine was stopped.";
    }
  }

  /**
   * A test program ended the run through the debug exit port.
   *
   * @param status as test runners count: twice the value written, plus 1, 8 bits
   */
  record TestExit(int status) implements Outcome {
    @Override
    public String sentence() {
      return "The test program ended with status %d.".formatted(status);
    }
  }

  /**
   * The guest reset the machine, once or in a loop.
   *
   * @param sentence who, how and where
   */
  record Reset(String sentence) implements Outcome {}

  /**
   * A processor shut down: an exception while it delivered a double fault.
   *
   * @param sentence which processor, and where
   */
  record TripleFault(String sentence) implements Outcome {}

  /**
   * Isola itself failed.
   *
   * @param sentence what failed and where
   */
  record Failed(String sentence) implements Outcome {}
}
