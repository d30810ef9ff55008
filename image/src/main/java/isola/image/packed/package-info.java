/**
 * Formats that kernels and packages are packed with and that no library unpacks for us: LZ4's old
 * frame, and zstd, whose libraries are native code, or refuse the window of 128 MiB that kernels
 * are packed with. Decoders of one thread each.
 */
@NullMarked
package isola.image.packed;

import org.jspecify.annotations.NullMarked;
