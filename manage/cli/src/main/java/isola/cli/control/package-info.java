/**
 * How one process of Isola talks to another: each running machine listens on a socket of its own in
 * a folder that is its user's alone.
 *
 * <p>Threads: a machine has one thread that accepts and one for each conversation.
 */
@NullMarked
package isola.cli.control;

import org.jspecify.annotations.NullMarked;
