/**
 * The serial port.
 *
 * <p>Threads: registers are entered by any vCPU thread, input by a backend thread, alarms come on
 * the clock's thread. The device takes its own lock and holds it while it drives its line; output
 * goes to the sink with no lock held, in order.
 */
@NullMarked
package isola.machine.devices.serial;

import org.jspecify.annotations.NullMarked;
