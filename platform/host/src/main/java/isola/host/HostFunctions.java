package isola.host;

import java.lang.invoke.MethodHandles;

/** The functions of the C library that every machine needs. */
public final class HostFunctions {
  private HostFunctions() {}

  /** Binds them, if that is not done yet. Any thread. */
  public static void bind() {
    MethodHandles.Lookup here = MethodHandles.lookup();
    for (Class<?> user :
        new Class<?>[] {MappedMemory.class, ExecutableMemory.class, FaultHandler.class}) {
      try {
        here.ensureInitialized(user);
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
