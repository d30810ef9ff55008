package isola.image.store;

import isola.image.Progress;

/** Adds up what several threads have done in a phase, and tells it one at a time. */
final class Meter {
  private final Progress progress;
  private final Progress.Phase phase;
  private long done;
  private long total;

  Meter(Progress progress, Progress.Phase phase, long total) {
    this.progress = progress;
    this.phase = phase;
    this.total = total;
    progress.at(phase, 0, total);
  }

  synchronized void expect(long more) {
    total += more;
  }

  synchronized void add(long bytes) {
    done = Math.max(0, done + bytes);
    // Sizes may be estimates; a phase never claims more than all.
    progress.at(phase, Math.min(done, total), total);
  }

  synchronized void finish() {
    progress.at(phase, total, total);
  }
}
