/**
 * The file of a saved machine: its layout, its description in JSON, and how guest memory lies in
 * it. Knows no board; docs/saved-machines.md describes the file.
 *
 * <p>Threads: an object belongs to one thread at a time. No locks.
 */
@NullMarked
package isola.machine.board.saved;

import org.jspecify.annotations.NullMarked;
