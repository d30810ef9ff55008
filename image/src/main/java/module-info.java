/** What a guest is made from. */
module isola.image {
  requires static transitive org.jspecify;
  requires com.fasterxml.jackson.databind;
  requires java.net.http;
  requires org.apache.commons.compress;
  requires org.bouncycastle.pg;
  requires org.tukaani.xz;

  exports isola.image;
  exports isola.image.guest;
  exports isola.image.initramfs to
      isola.qa;
  exports isola.image.kernel;
  exports isola.image.store;
  exports isola.image.tree to
      isola.qa;

  opens isola.image.store to
      com.fasterxml.jackson.databind;
}
