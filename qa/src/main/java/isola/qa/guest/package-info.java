/**
 * Guest programs in assembly, and the least machine that they run in; {@code
 * qa/src/test/resources/guest} has the programs. One thread; no locks.
 */
@NullMarked
package isola.qa.guest;

import org.jspecify.annotations.NullMarked;
