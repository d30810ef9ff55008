/**
 * The host operating system through FFM: memory mappings, executable memory, ioctl, tap and
 * terminal.
 *
 * <p>The only module that calls native code. Any thread may enter, and no lock is held across a
 * call.
 */
@NullMarked
package isola.host;

import org.jspecify.annotations.NullMarked;
