package isola.cli;

/** The kernel's command line for {@code isola run}. */
final class KernelWords {
  // Linux, Documentation/admin-guide/kernel-parameters.txt. A panic ends the run instead of
  // waiting; nothing but
  // errors is said; the host's silicon never runs guest code speculatively across privileges that
  // the guest must
  // guard, so its mitigations cost without use.
  private static final String WORDS =
      "console=ttyS0 quiet loglevel=4 panic=-1 reboot=t mitigations=off random.trust_cpu=on"
          + " cryptomgr.notests rcupdate.rcu_expedited=1 tsc=reliable no_timer_check audit=0"
          + " i8042.noaux i8042.nopnp i8042.dumbkbd 8250.nr_uarts=1";

  private KernelWords() {}

  /** Ours, then the user's, which override. */
  static String of(String more) {
    return more.isBlank() ? WORDS : WORDS + " " + more;
  }
}
