package isola.machine.board;

import isola.core.irq.InterruptLine;
import isola.machine.board.layout.BoardSpec;
import isola.machine.devices.chipset.ChipsetSpec;
import isola.machine.devices.chipset.LpcBridge;
import isola.machine.devices.interrupt.IoApic;
import isola.machine.devices.interrupt.Pic;
import isola.machine.devices.interrupt.PicSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * The inputs of the interrupt controllers, each of which any number of wires may drive. An ISA
 * interrupt reaches the 8259As and the I/O APIC's input of the same number, but for the timer,
 * which is at input 2.
 */
final class InterruptWires {
  private static final int ISA_IRQS = 16;
  private static final int TIMER_INPUT = 2;

  private final List<SharedLine> requests = new ArrayList<>();
  private final List<SharedLine> inputs = new ArrayList<>();

  InterruptWires(Pic pic, IoApic ioApic) {
    for (int irq = 0; irq < ISA_IRQS; irq++) {
      requests.add(
          new SharedLine(irq == PicSpec.CASCADE ? InterruptLine.unconnected() : pic.input(irq)));
    }
    for (int i = 0; i < BoardSpec.IO_APIC_PINS; i++) {
      inputs.add(new SharedLine(ioApic.input(i)));
    }
  }

  /** A new wire to an ISA interrupt, 0 to 15 without 2. */
  InterruptLine isa(int irq) {
    InterruptLine request = requests.get(irq).wire();
    InterruptLine input = inputs.get(irq == BoardSpec.PIT_IRQ ? TIMER_INPUT : irq).wire();
    return asserted -> {
      request.set(asserted);
      input.set(asserted);
    };
  }

  /** New wires to the 8259As' inputs alone. */
  List<InterruptLine> requests() {
    return requests.stream().map(SharedLine::wire).toList();
  }

  /** New wires to the I/O APIC's inputs. */
  List<InterruptLine> inputs() {
    return inputs.stream().map(SharedLine::wire).toList();
  }

  /** New wires to the I/O APIC's inputs, of which the ISA ones reach the 8259As too. */
  List<InterruptLine> both() {
    List<InterruptLine> lines = new ArrayList<>(inputs());
    for (int irq = 0; irq < ISA_IRQS; irq++) {
      InterruptLine input = lines.get(irq);
      InterruptLine request = requests.get(irq).wire();
      lines.set(
          irq,
          asserted -> {
            request.set(asserted);
            input.set(asserted);
          });
    }
    return lines;
  }

  /** New wires to ISA interrupts 0 to 15, then to the I/O APIC's inputs from 16 on. */
  List<InterruptLine> everyInput() {
    List<InterruptLine> all = new ArrayList<>(inputs());
    for (int irq = 0; irq < ISA_IRQS; irq++) {
      if (irq != PicSpec.CASCADE) {
        all.set(irq, isa(irq));
      }
    }
    return all;
  }

  /** New wires to the I/O APIC's inputs that the PIRQs drive. */
  List<InterruptLine> pirqInputs() {
    return inputs().subList(BoardSpec.PIRQ_GSI, BoardSpec.PIRQ_GSI + ChipsetSpec.PIRQS);
  }

  /** The ISA interrupt that each PIRQ is routed to at power-on. */
  static List<Integer> pirqRoutes() {
    List<Integer> routes = new ArrayList<>();
    for (int wire = 0; wire < ChipsetSpec.PIRQS; wire++) {
      routes.add(LpcBridge.defaultRoute(wire));
    }
    return routes;
  }
}
