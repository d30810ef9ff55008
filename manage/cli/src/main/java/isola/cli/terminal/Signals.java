package isola.cli.terminal;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;

/**
 * Signals to this process. Java has no public interface to them but the one of {@code
 * jdk.unsupported}, which javac warns of whatever one does; so it is called by reflection, and a
 * JDK without it leaves signals at what they do by themselves. Any thread.
 */
public final class Signals {
  private Signals() {}

  /** An end to {@link #on}. */
  public interface Handle extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Runs {@code action} on a thread of its own whenever the signal arrives. A signal that this
   * process was told to ignore (nohup, a shell's background job) stays ignored.
   *
   * @param name such as {@code INT}
   */
  public static Handle on(String name, Runnable action) {
    try {
      Class<?> signalType = Class.forName("sun.misc.Signal");
      Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
      Object signal = signalType.getConstructor(String.class).newInstance(name);
      Object ignore = handlerType.getField("SIG_IGN").get(null);
      var handle = signalType.getMethod("handle", signalType, handlerType);
      InvocationHandler calls =
          (proxy, method, arguments) ->
              switch (method.getName()) {
                case "handle" -> {
                  action.run();
                  yield null;
                }
                case "equals" -> arguments != null && proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "SIG" + name;
              };
      Object handler =
          Proxy.newProxyInstance(
              Signals.class.getClassLoader(), new Class<?>[] {handlerType}, calls);
      Object old = handle.invoke(null, signal, handler);
      if (ignore.equals(old)) {
        handle.invoke(null, signal, ignore);
        return () -> {};
      }
      return () -> {
        try {
          handle.invoke(null, signal, old);
        } catch (ReflectiveOperationException e) {
          // The process is ending anyway.
        }
      };
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      return () -> {};
    }
  }
}
