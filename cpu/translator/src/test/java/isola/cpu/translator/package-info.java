/** Tests of the translator: against the interpreter, on random programs and on chosen ones. */
@NullMarked
package isola.cpu.translator;

import org.jspecify.annotations.NullMarked;
