package isola.cpu.x86.state;

/** Values of {@link CpuState#ACTIVITY} (Intel SDM vol. 3C 25.4.2, the same numbers). */
public final class Activity {
  public static final int ACTIVE = 0;
  public static final int HALTED = 1;
  public static final int SHUTDOWN = 2;
  public static final int WAIT_FOR_SIPI = 3;

  private Activity() {}
}
