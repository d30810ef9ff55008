/**
 * What the kernel unpacks into memory before it has a disk: the archive format, the choice of
 * kernel modules, and the archive that Isola's guests start from. Pure functions over their
 * arguments; any thread may use them.
 */
@NullMarked
package isola.image.initramfs;

import org.jspecify.annotations.NullMarked;
