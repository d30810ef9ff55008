/**
 * Debian's control file syntax (deb822(5)): paragraphs of {@code Name: value} fields. Values and
 * pure functions; any thread may use them.
 */
@NullMarked
package isola.image.deb822;

import org.jspecify.annotations.NullMarked;
