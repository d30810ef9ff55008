/**
 * The host processor as oracle: random machine code with random state runs on the silicon and in
 * the interpreter, and all state afterwards must be equal. One thread; no locks.
 */
@NullMarked
package isola.qa.oracle;

import org.jspecify.annotations.NullMarked;
