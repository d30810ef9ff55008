/** The translator engine: guest x86-64 code to host x86-64 code. */
module isola.cpu.translator {
  requires transitive isola.core;
  requires isola.cpu.x86;
  requires isola.host;
  requires static transitive org.jspecify;

  provides isola.core.cpu.CpuEngine with
      isola.cpu.translator.TranslatorEngine;
}
