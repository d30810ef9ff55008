/**
 * Interrupt wires and message-signalled interrupts, as a device sees them.
 *
 * <p>Threads: a line may be driven by any thread; the controller behind it takes its own lock. A
 * device may hold its own lock while it drives a line, so a controller never calls back into a
 * device while it holds the controller's lock.
 */
@NullMarked
package isola.core.irq;

import org.jspecify.annotations.NullMarked;
