/**
 * Power and reset: the ACPI fixed hardware registers and the several old ways to reset a PC.
 *
 * <p>Threads: registers are entered by any vCPU thread, alarms come on the clock's thread. Each
 * device takes its own lock and holds it while it drives its line; the sleep, wake and reset
 * actions run with no lock of theirs held.
 */
@NullMarked
package isola.machine.devices.power;

import org.jspecify.annotations.NullMarked;
