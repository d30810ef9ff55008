/**
 * The tables that a PC's firmware leaves in memory: ACPI with its own small AML encoder, the MP
 * table, SMBIOS and the BIOS data area.
 *
 * <p>Entered by the thread that builds or restarts a machine. No locks.
 */
@NullMarked
package isola.machine.board.firmware;

import org.jspecify.annotations.NullMarked;
