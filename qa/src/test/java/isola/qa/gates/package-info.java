/**
 * The house rules that a compiler cannot check, read from the compiled classes and the source
 * files.
 */
@NullMarked
package isola.qa.gates;

import org.jspecify.annotations.NullMarked;
