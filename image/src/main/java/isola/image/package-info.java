/**
 * What a guest is made from: Debian packages, kernels, initramfs and disk formats.
 *
 * <p>Every input is hostile. The thread that asked for an image does the work; the cache is shared
 * between\n * processes and guarded by a file lock.
 */
@NullMarked
package isola.image;

import org.jspecify.annotations.NullMarked;
