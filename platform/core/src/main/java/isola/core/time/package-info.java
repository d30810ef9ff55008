/**
 * Injected time: no device and no engine reads the host's clock.
 *
 * <p>Threads: clocks are read by any thread; timers fire on the clock's own thread (or the thread
 * that advances a manual clock), with no lock of the clock held.
 */
@NullMarked
package isola.core.time;

import org.jspecify.annotations.NullMarked;
