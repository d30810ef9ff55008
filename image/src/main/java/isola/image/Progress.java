package isola.image;

/**
 * Hears how far the making of an image is. One thread calls at a time, not always the same one; a
 * call must return soon, since the work waits for it.
 */
public interface Progress {
  /** The parts of the work, in their order. */
  enum Phase {
    /** Fetching and checking the lists of packages. */
    LISTS("fetching package lists"),
    /** Fetching and checking the packages. */
    PACKAGES("fetching packages"),
    /** Unpacking the packages into the root disk. */
    ROOT("building the root disk"),
    /** Storing what was made. */
    STORE("storing the image");

    private final String text;

    Phase(String text) {
      this.text = text;
    }

    /** What to show for it, such as "fetching packages". */
    public String text() {
      return text;
    }
  }

  /**
   * The phase has come this far.
   *
   * @param done bytes done, from 0 to {@code total}; the first call of a phase has 0, the last has
   *     {@code total}
   * @param total bytes to do; it may grow while more is found out, and is 0 while unknown
   */
  void at(Phase phase, long done, long total);

  /** Something the person should know although the work goes on, as one sentence. */
  void note(String sentence);

  /** Says nothing. */
  static Progress silent() {
    return new Progress() {
      @Override
      public void at(Phase phase, long done, long total) {}

      @Override
      public void note(String sentence) {}
    };
  }
}
