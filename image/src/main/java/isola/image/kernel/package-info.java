/**
 * The kernel inside a bzImage: found, and unpacked by this machine instead of by the guest, for
 * which the same work takes seconds. That needs the formats that kernels are packed with, among
 * them zstd with a window of 128 MiB, which the Java libraries for it refuse. Pure functions; any
 * thread may use them.
 */
@NullMarked
package isola.image.kernel;

import org.jspecify.annotations.NullMarked;
