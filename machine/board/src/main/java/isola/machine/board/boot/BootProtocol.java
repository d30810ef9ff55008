package isola.machine.board.boot;

import isola.machine.board.boot.BootException.Problem;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A way to start a kernel, found by looking into its file. */
public sealed interface BootProtocol permits LinuxBoot, PvhBoot, MultibootBoot {

  /** What users call it. */
  String name();

  /**
   * Places kernel, ramdisks and parameters in guest memory.
   *
   * @return the state in which the first processor begins
   * @throws BootException if something does not fit or is malformed, with one sentence
   */
  CpuEntry load(BootTarget target);

  /**
   * Recognises a kernel.
   *
   * @throws BootException if it is none that can be started here, with one sentence that says what
   *     it is
   */
  static BootProtocol detect(BootFile kernel) {
    byte[] start = kernel.bytes(0, MultibootBoot.SEARCHED);
    ByteBuffer head = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
    if (LinuxBoot.recognises(head)) {
      return LinuxBoot.parse(kernel, head);
    }
    int multiboot = MultibootBoot.headerIn(head);
    if (ElfImage.recognises(head)) {
      ElfImage elf = ElfImage.parse(kernel, head);
      long entry = PvhBoot.entryOf(kernel, elf);
      if (entry >= 0) {
        return new PvhBoot(elf, entry);
      }
      if (multiboot >= 0) {
        return MultibootBoot.parse(kernel, head, multiboot, elf);
      }
      throw new BootException(
          Problem.NOT_A_KERNEL,
          kernel.name()
              + " is an ELF program without the PVH note or multiboot header of a kernel that can"
              + " be started; a Linux kernel must be built with CONFIG_PVH.");
    }
    if (multiboot >= 0) {
      return MultibootBoot.parse(kernel, head, multiboot, null);
    }
    throw OtherImages.explain(kernel, head);
  }
}
