/**
 * Makes a root file system out of Debian packages without running a program of them: unpacks them
 * into a tree, keeps dpkg's records as dpkg would, and does by itself what the maintainer scripts
 * of the minimal set would have done. docs/images.md lists what is done and what is not. One thread
 * builds one root.
 */
@NullMarked
package isola.image.root;

import org.jspecify.annotations.NullMarked;
