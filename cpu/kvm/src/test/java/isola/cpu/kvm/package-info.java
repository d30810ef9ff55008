/** Tests of the KVM engine, on the real {@code /dev/kvm} where there is one. */
@NullMarked
package isola.cpu.kvm;

import org.jspecify.annotations.NullMarked;
