/**
 * Debian's archive: signed release files, package lists, versions and relations, the choice of
 * packages that belong together, and the {@code .deb} format. Nothing here opens a connection. A
 * {@link isola.image.debian.PackageIndex} may be read by one thread at a time; the rest are values
 * and pure functions.
 */
@NullMarked
package isola.image.debian;

import org.jspecify.annotations.NullMarked;
