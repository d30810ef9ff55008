/**
 * The x86-64 architecture: decode tables, instruction semantics, MMU and TLB, floating point,
 * CPUID, and the reference interpreter.
 */
module isola.cpu.x86 {
  requires transitive isola.core;
  requires static transitive org.jspecify;

  exports isola.cpu.x86.arith;
  exports isola.cpu.x86.cpu;
  exports isola.cpu.x86.decode;
  exports isola.cpu.x86.fpu to
      isola.qa;
  exports isola.cpu.x86.integer to
      isola.qa;
  exports isola.cpu.x86.interpreter;
  exports isola.cpu.x86.model;
  exports isola.cpu.x86.simd to
      isola.qa;
  exports isola.cpu.x86.spec;
  exports isola.cpu.x86.state;
  exports isola.cpu.x86.system to
      isola.qa;

  provides isola.core.cpu.CpuEngine with
      isola.cpu.x86.interpreter.InterpreterEngine;
}
