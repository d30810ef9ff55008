/** The {@code isola} command. */
module isola.cli {
  requires static transitive org.jspecify;
  requires info.picocli;

  opens isola.cli to
      info.picocli;
}
