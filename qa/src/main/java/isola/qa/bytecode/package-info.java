/**
 * The back end that was not taken: guest code as JVM bytecode, as far as measuring it needs. One
 * thread.
 */
@NullMarked
package isola.qa.bytecode;

import org.jspecify.annotations.NullMarked;
