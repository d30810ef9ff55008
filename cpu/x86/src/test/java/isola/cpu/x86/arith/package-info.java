/** Tests of arithmetic without a processor. */
@NullMarked
package isola.cpu.x86.arith;

import org.jspecify.annotations.NullMarked;
