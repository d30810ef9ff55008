/**
 * The {@code isola} command.
 *
 * <p>Thin: parses options, calls the modules that do the work, and turns their errors into one
 * sentence and an exit status. Entered by the main thread alone.
 */
@NullMarked
package isola.cli;

import org.jspecify.annotations.NullMarked;
