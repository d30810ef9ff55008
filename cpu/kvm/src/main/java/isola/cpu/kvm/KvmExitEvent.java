package isola.cpu.kvm;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** JFR: how often a processor left its guest for one reason, and how long that took, lately. */
@Name("isola.KvmExit")
@Label("KVM Exits")
@Description("Exits of one kind since the last such event of this processor")
@Category({"Isola", "KVM"})
@Enabled(false)
@StackTrace(false)
final class KvmExitEvent extends Event {
  @Label("Processor")
  int processor;

  @Label("Kind")
  String kind = "";

  @Label("Count")
  long count;

  @Label("Time in the Guest")
  @Description("From entering the guest to these exits, idle time included")
  @Timespan(Timespan.NANOSECONDS)
  long inGuest;

  @Label("Time Outside")
  @Description("From these exits to the next entry")
  @Timespan(Timespan.NANOSECONDS)
  long outside;
}
