/**
 * The x87 instructions. Entered by the vCPU's owner thread alone; all state is the processor's. No
 * locks.
 */
@NullMarked
package isola.cpu.x86.fpu;

import org.jspecify.annotations.NullMarked;
