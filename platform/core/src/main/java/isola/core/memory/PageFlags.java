package isola.core.memory;

/**
 * Bits of a page's flag byte. A write takes the slow path while any bit is set, so an engine caches
 * a page as writable only when its byte is zero, and whoever sets a bit makes the engines forget
 * such cached entries first.
 */
public final class PageFlags {
  /** Some engine holds decoded or translated code of this page. */
  public static final int CODE = 1;

  /** Dirty logging is on and this page has not been written since. */
  public static final int CLEAN = 2;

  private PageFlags() {}
}
