/** What a guest is made from. */
module isola.image {
  requires static org.jspecify;
}
