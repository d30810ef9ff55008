/** Tests of the floating-point instructions on a processor without a machine. */
@NullMarked
package isola.cpu.x86.fpu;

import org.jspecify.annotations.NullMarked;
