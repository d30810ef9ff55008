/** Tests of the decoder; one thread. */
@NullMarked
package isola.cpu.x86.decode;

import org.jspecify.annotations.NullMarked;
