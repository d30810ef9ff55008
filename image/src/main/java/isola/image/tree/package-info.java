/**
 * A file tree that is not on this machine's disk: names, owners, modes and links as a guest will
 * see them, with contents that stay wherever they are. One thread builds a tree; the writers then
 * read it.
 */
@NullMarked
package isola.image.tree;

import org.jspecify.annotations.NullMarked;
