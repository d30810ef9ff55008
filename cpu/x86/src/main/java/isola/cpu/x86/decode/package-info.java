/**
 * Instruction bytes to decoded instructions, from a table in the manual's own notation. Immutable
 * tables; a decoder belongs to one thread.
 */
@NullMarked
package isola.cpu.x86.decode;

import org.jspecify.annotations.NullMarked;
