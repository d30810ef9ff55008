/**
 * The person's side: the terminal, its escape key, progress bars, and the signals of this process.
 *
 * <p>Threads: stated per type. No locks but the one inside {@code Progress} displays.
 */
@NullMarked
package isola.cli.terminal;

import org.jspecify.annotations.NullMarked;
