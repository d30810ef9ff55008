/**
 * Keyboard and mouse, and the 8042 controller between them and the processor.
 *
 * <p>Threads: registers are entered by any vCPU thread, keys and movements by any host thread. The
 * controller has the one lock, under which the two devices behind it run; it is held while a line
 * is driven. A reset it is asked for runs with no lock held.
 */
@NullMarked
package isola.machine.devices.input;

import org.jspecify.annotations.NullMarked;
