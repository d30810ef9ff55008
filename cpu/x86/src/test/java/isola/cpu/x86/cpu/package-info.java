/** Tests of what the engines share of a processor; one thread. */
@NullMarked
package isola.cpu.x86.cpu;

import org.jspecify.annotations.NullMarked;
