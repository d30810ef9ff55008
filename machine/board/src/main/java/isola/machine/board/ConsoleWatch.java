package isola.machine.board;

import isola.core.backend.ByteSink;
import java.nio.charset.StandardCharsets;

/**
 * Reads along with what a guest writes to a console: notes when it begins, and remembers the line
 * in which Linux says why it panicked, so that the end of the run can be explained.
 */
final class ConsoleWatch implements ByteSink {
  private static final String PANIC = "Kernel panic - not syncing: ";
  private static final String USER_SPACE = "Run /";
  private static final int LINE = 200;

  private final ByteSink target;
  private final Timeline timeline;
  private final byte[] line = new byte[LINE];
  private int length;
  private boolean begun;
  private volatile String panic = "";

  ConsoleWatch(ByteSink target, Timeline timeline) {
    this.target = target;
    this.timeline = timeline;
  }

  /** Why the kernel panicked, or empty. */
  String panic() {
    return panic;
  }

  @Override
  public void accept(byte[] bytes, int offset, int count) {
    if (!begun && count > 0) {
      begun = true;
      timeline.reach("first console byte");
    }
    for (int i = 0; i < count; i++) {
      byte b = bytes[offset + i];
      if (b == '\n' || b == '\r') {
        look();
        length = 0;
      } else if (length < LINE) {
        line[length++] = b;
      }
    }
    target.accept(bytes, offset, count);
  }

  private void look() {
    if (length < USER_SPACE.length()) {
      return;
    }
    String text = new String(line, 0, length, StandardCharsets.ISO_8859_1);
    int at = text.indexOf(PANIC);
    if (at >= 0 && panic.isEmpty()) {
      panic = text.substring(at + PANIC.length()).replaceAll("[^ -~]", "").strip();
    }
    if (text.contains(USER_SPACE) && text.endsWith("init process")) {
      timeline.reach("user space");
    }
  }
}
