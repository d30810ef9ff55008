/**
 * Writes EROFS, the read-only file system that Linux mounts straight from a block device. The
 * writer's {@code store} may be called by several threads at once; all else by one.
 */
@NullMarked
package isola.image.erofs;

import org.jspecify.annotations.NullMarked;
