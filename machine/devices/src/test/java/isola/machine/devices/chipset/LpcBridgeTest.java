package isola.machine.devices.chipset;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.irq.InterruptLine;
import isola.machine.devices.pci.PciFunction;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Routes PCI interrupts as firmware and operating systems do (ICH9, 13.1.10). */
final class LpcBridgeTest {
  private final boolean[] gsi = new boolean[8];
  private final boolean[] irq = new boolean[16];
  private final LpcBridge bridge = new LpcBridge(lines(gsi), lines(irq), 0x600);
  private final PciFunction function = bridge.function();

  private static List<InterruptLine> lines(boolean[] levels) {
    List<InterruptLine> all = new ArrayList<>();
    for (int i = 0; i < levels.length; i++) {
      int number = i;
      all.add(asserted -> levels[number] = asserted);
    }
    return all;
  }

  @Test
  void aWireDrivesItsInputAndItsRequest() {
    bridge.wires().get(3).set(true);
    assertThat(gsi).containsExactly(false, false, false, true, false, false, false, false);
    assertThat(irq[11]).isTrue();
    bridge.wires().get(3).set(false);
    assertThat(gsi[3]).isFalse();
    assertThat(irq[11]).isFalse();
  }

  @Test
  void wiresShareARequest() {
    bridge.wires().get(0).set(true);
    bridge.wires().get(2).set(true);
    bridge.wires().get(0).set(false);
    assertThat(irq[10]).isTrue();
    bridge.wires().get(2).set(false);
    assertThat(irq[10]).isFalse();
  }

  @Test
  void anAssertedWireMovesWithItsRoute() {
    bridge.wires().get(4).set(true);
    assertThat(irq[10]).isTrue();
    function.writeConfig(0x68, 1, 5);
    assertThat(irq[10]).isFalse();
    assertThat(irq[5]).isTrue();
    function.writeConfig(0x68, 1, 0x80);
    assertThat(irq[5]).isFalse();
    function.writeConfig(0x68, 1, 8);
    assertThat(irq).as("8 is not for PCI").containsOnly(false);
    function.reset();
    assertThat(irq[10]).as("routed as at power-on").isTrue();
  }
}
