/**
 * Runs of the whole product as a user starts it, on real Debian kernels and packages. Each test
 * starts one JVM and waits for it.
 */
@NullMarked
package isola.qa.run;

import org.jspecify.annotations.NullMarked;
