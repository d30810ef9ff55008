package isola.cpu.kvm;

import java.util.Map;

/**
 * Counts a processor's exits and, while somebody records {@link KvmExitEvent}, measures them: an
 * event per kind and second. Owner thread; the counts are read by any, approximately.
 */
final class ExitWatch {
  private static final ExitKind[] KINDS = ExitKind.values();
  private static final long PERIOD = 1_000_000_000L;

  private final int processor;
  private final long[] counts = new long[KINDS.length];

  /** Until JFR changes the class, its isEnabled() is the constant false and costs nothing. */
  private final KvmExitEvent recording = new KvmExitEvent();

  // While recording.
  private final long[] told = new long[KINDS.length];
  private final long[] inGuest = new long[KINDS.length];
  private final long[] outside = new long[KINDS.length];
  private boolean measuring;
  private long entered;
  private long left;
  private long period;
  private int last = -1;

  ExitWatch(int processor) {
    this.processor = processor;
  }

  /** The guest is about to be entered. */
  void entering() {
    if (recording.isEnabled()) {
      measureEntry();
    } else if (measuring) {
      measuring = false;
    }
  }

  /** The guest was left. */
  @SuppressWarnings("EnumOrdinal") // Counted on the hot path; nothing is stored.
  void left(ExitKind kind) {
    int index = kind.ordinal();
    counts[index]++;
    if (measuring) {
      left = System.nanoTime();
      inGuest[index] += left - entered;
      last = index;
      if (left - period > PERIOD) {
        commit();
      }
    }
  }

  private void measureEntry() {
    entered = System.nanoTime();
    if (!measuring) {
      measuring = true;
      last = -1;
      period = entered;
      for (int i = 0; i < KINDS.length; i++) {
        told[i] = counts[i];
        inGuest[i] = 0;
        outside[i] = 0;
      }
    } else if (last >= 0) {
      outside[last] += entered - left;
    }
  }

  /** Tells JFR what there is, if it listens. */
  void commit() {
    if (!measuring) {
      return;
    }
    for (int i = 0; i < KINDS.length; i++) {
      if (counts[i] != told[i]) {
        KvmExitEvent event = new KvmExitEvent();
        event.processor = processor;
        event.kind = KINDS[i].name();
        event.count = counts[i] - told[i];
        event.inGuest = inGuest[i];
        event.outside = outside[i];
        event.commit();
        told[i] = counts[i];
        inGuest[i] = 0;
        outside[i] = 0;
      }
    }
    period = left;
  }

  /** Adds the counts to figures. */
  void count(Map<String, Long> counters) {
    for (int i = 0; i < KINDS.length; i++) {
      if (counts[i] != 0) {
        counters.put("kvm exits " + KINDS[i], counts[i]);
      }
    }
  }
}
