/**
 * Puts a machine together: memory map, firmware tables, boot protocols, vCPU threads.
 *
 * <p>One thread builds and starts a machine; each vCPU then has a thread of its own.
 */
@NullMarked
package isola.machine.board;

import org.jspecify.annotations.NullMarked;
