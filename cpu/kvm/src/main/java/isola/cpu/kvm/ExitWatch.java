package isola.cpu.kvm;

import java.util.Map;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * Counts a processor's exits and, while somebody records {@link KvmExitEvent}, measures them: an
 * event per kind and second. Owner thread; the counts are read by any, approximately.
 */
final class ExitWatch {
  private static final long PERIOD = 1_000_000_000L;

  /** A power of two above all of KVM's reasons. */
  private static final int REASONS = 64;

  /** Entries from one look whether JFR is in use to the next. */
  private static final int LOOK_PERIOD = 16;

  private final int processor;

  /** By KVM's number of the reason. */
  private final long[] counts = new long[REASONS];

  /**
   * Null until JFR is in use: the first object of such a class makes the JVM set up all of JFR,
   * which is a good part of a start.
   */
  private @Nullable KvmExitEvent recording;

  private int untilLook;

  // While recording.
  private final long[] told = new long[REASONS];
  private final long[] inGuest = new long[REASONS];
  private final long[] outside = new long[REASONS];
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
    if (--untilLook < 0) {
      look();
    }
  }

  /** The guest was left, for a reason by KVM's number. */
  void left(int reason) {
    counts[reason & (REASONS - 1)]++;
    if (measuring) {
      measureExit(reason & (REASONS - 1));
    }
  }

  private void look() {
    if (recording == null && FlightRecorder.isInitialized()) {
      recording = new KvmExitEvent();
    }
    if (recording != null && recording.isEnabled()) {
      // While somebody records, this looks at each entry.
      untilLook = 0;
      measureEntry();
    } else {
      untilLook = LOOK_PERIOD;
      measuring = false;
    }
  }

  private void measureExit(int reason) {
    left = System.nanoTime();
    inGuest[reason] += left - entered;
    last = reason;
    if (left - period > PERIOD) {
      commit();
    }
  }

  private void measureEntry() {
    entered = System.nanoTime();
    if (!measuring) {
      measuring = true;
      last = -1;
      period = entered;
      for (int i = 0; i < REASONS; i++) {
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
    for (ExitKind kind : ExitKind.values()) {
      commit(kind);
    }
    period = left;
  }

  private void commit(ExitKind kind) {
    KvmExitEvent event = new KvmExitEvent();
    for (int i = 0; i < REASONS; i++) {
      if (counts[i] != told[i] && ExitKind.of(i) == kind) {
        event.count += counts[i] - told[i];
        event.inGuest += inGuest[i];
        event.outside += outside[i];
        told[i] = counts[i];
        inGuest[i] = 0;
        outside[i] = 0;
      }
    }
    if (event.count != 0) {
      event.processor = processor;
      event.kind = kind.name();
      event.commit();
    }
  }

  /** Adds the counts to figures. */
  void count(Map<String, Long> counters) {
    for (int i = 0; i < REASONS; i++) {
      if (counts[i] != 0) {
        counters.merge("kvm exits " + ExitKind.of(i), counts[i], Long::sum);
      }
    }
  }
}
