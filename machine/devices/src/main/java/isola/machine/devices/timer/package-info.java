/**
 * Timers and clocks: the 8254, the MC146818 real-time clock with its CMOS memory, and the HPET.
 *
 * <p>Threads: registers are entered by any vCPU thread, alarms come on the clock's thread. Each
 * device takes its own lock and holds it while it drives an interrupt line; nothing behind a line
 * calls back.
 */
@NullMarked
package isola.machine.devices.timer;

import org.jspecify.annotations.NullMarked;
