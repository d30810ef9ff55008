/**
 * What {@code ./dev kvm-rig} runs inside its machine: programs that show what the KVM engine does
 * on a processor with AMD-V. Each prints lines for a report and says whether all was well.
 */
@NullMarked
package isola.qa.rig;

import org.jspecify.annotations.NullMarked;
