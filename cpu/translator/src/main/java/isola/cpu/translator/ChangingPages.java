package isola.cpu.translator;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The pages whose code was changed again and again. After each further change their instructions
 * are executed one by one for a while: making code, and noticing that it changed, costs more than
 * the few runs that it gets. Then they get code that {@link SelfCheck looks for itself} whether it
 * still holds, until that was so for long. Owner thread only.
 */
final class ChangingPages {
  /** Changes of a page's code before it counts as one of these. */
  private static final int CHANGES = 16;

  /** Blocks that go stale at once at most where little code is made between changes. */
  private static final int FEW = 2;

  /** Instructions that are executed one by one after a change. */
  private static final int SINGLES = 64;

  /** Pages remembered at most; then all are forgotten. */
  private static final int PAGES = 1024;

  private static final class Page {
    int changes;
    int singles;
    boolean checking;
  }

  private final Map<Long, Page> pages = new HashMap<>();

  /**
   * Code in a page was changed.
   *
   * @param hostPage host address of the page
   * @param blocks how many blocks went stale by that
   */
  void changed(long hostPage, int blocks) {
    if (pages.size() >= PAGES) {
      pages.clear();
    }
    Page page = pages.computeIfAbsent(hostPage, p -> new Page());
    if (blocks > FEW) {
      page.changes = 0;
      page.checking = false;
    } else if (++page.changes >= CHANGES) {
      page.singles = SINGLES;
      page.checking = true;
    }
  }

  /** A checking block in a page saw a change. */
  void changed(long hostPage) {
    changed(hostPage, 1);
  }

  /** Whether the code made for a page now is to look for changes itself. */
  boolean checking(long hostPage) {
    if (pages.isEmpty()) {
      return false;
    }
    @Nullable Page page = pages.get(hostPage);
    return page != null && page.checking;
  }

  /** A page was not changed for long. */
  void settled(long hostPage) {
    @Nullable Page page = pages.get(hostPage);
    if (page != null) {
      page.checking = false;
    }
  }

  /** Whether the next instruction in a page is to be executed alone, which is taken as done. */
  boolean single(long hostPage) {
    if (pages.isEmpty()) {
      return false;
    }
    @Nullable Page page = pages.get(hostPage);
    if (page == null || page.singles == 0) {
      return false;
    }
    page.singles--;
    return true;
  }

  /** Forgets all. */
  void clear() {
    pages.clear();
  }
}
