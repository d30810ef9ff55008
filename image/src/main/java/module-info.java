/** What a guest is made from. */
module isola.image {
  requires static transitive org.jspecify;
}
