/**
 * The kernel inside a bzImage: found, and unpacked by this machine instead of by the guest, for
 * which the same work takes seconds. Pure functions; any thread may use them.
 */
@NullMarked
package isola.image.kernel;

import org.jspecify.annotations.NullMarked;
