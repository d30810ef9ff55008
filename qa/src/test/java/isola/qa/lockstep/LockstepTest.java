package isola.qa.lockstep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A kernel of the caller's on both engines: {@code ./dev lockstep KERNEL INITRD COMMAND-LINE}. */
@Tag("lockstep")
class LockstepTest {
  @Test
  void bothEnginesDoTheSame() throws IOException {
    String kernel = System.getenv("ISOLA_LOCKSTEP_KERNEL");
    assumeTrue(kernel != null, "ISOLA_LOCKSTEP_KERNEL names no kernel");
    String initrd = System.getenv().getOrDefault("ISOLA_LOCKSTEP_INITRD", "");
    String append = System.getenv().getOrDefault("ISOLA_LOCKSTEP_APPEND", "console=ttyS0");
    Lockstep.Result result =
        LockstepMain.run(System.out, kernel, initrd.isEmpty() ? "-" : initrd, append);
    assertThat(result.difference()).isNull();
  }
}
