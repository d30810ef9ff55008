/** Small guest programs on the interpreter; a test's own threads are its processors. */
@NullMarked
package isola.cpu.x86.interpreter;

import org.jspecify.annotations.NullMarked;
