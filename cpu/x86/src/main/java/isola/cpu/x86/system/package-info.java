/**
 * What makes the processor a system: segments and gates, events and tasks, control, debug and
 * model-specific registers, CPUID, saved extended state, power-on. Static semantics over {@link
 * isola.cpu.x86.cpu.Cpu}; entered by the vCPU's owner thread alone; no locks.
 *
 * <p>Everything here checks first and commits last: a {@link isola.cpu.x86.cpu.Fault} thrown on the
 * way leaves registers and stacks as they were. A task switch is the exception that the manual
 * makes (Intel SDM vol. 3A 7.3): past its commit point, faults belong to the new task.
 */
@NullMarked
package isola.cpu.x86.system;

import org.jspecify.annotations.NullMarked;
