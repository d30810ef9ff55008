package isola.cpu.translator;

import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import isola.host.GuardedCode;
import org.jspecify.annotations.Nullable;

/** What is known of a fault inside generated code, for whoever mends the translator. */
final class FaultReport {
  private static final int BYTES = 16;
  private static final String[] NAMES = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
  };

  /** Host registers as a record has them, by their numbers. */
  private static final int[] RECORDED = {13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7};

  private static final int SIGTRAP = 5;

  private FaultReport() {}

  /** Host address of the instruction that faulted. */
  static long at(long state) {
    long record = state + Layout.FAULT;
    long rip = RawMemory.getLong(record + GuardedCode.RIP);
    // INT3 is a trap: one byte further.
    return RawMemory.getLong(record + GuardedCode.SIGNAL) == SIGTRAP ? rip - 1 : rip;
  }

  /**
   * A sentence without its full stop, then lines.
   *
   * @param state the processor's, as generated code left it
   * @param block whose code it was, if it was a block's
   * @param codeBegin first address of the code cache
   * @param codeEnd first address after it
   * @param way addresses at which generated code was entered last, the latest first; 0 for none
   */
  static String of(long state, @Nullable Block block, long codeBegin, long codeEnd, long... way) {
    long record = state + Layout.FAULT;
    long at = at(state);
    String signal = GuardedCode.signalName(RawMemory.getLong(record + GuardedCode.SIGNAL));
    StringBuilder text = new StringBuilder(2048);
    text.append("the host code for the guest's ");
    text.append(block == null ? "entry or exit" : "%x".formatted(block.guestAt(at)));
    text.append(" faulted with ").append(signal).append(", an error of Isola's");
    text.append(
        "\n  %s code %d address %x at host %x, %x behind the code's beginning"
            .formatted(
                signal,
                RawMemory.getLong(record + GuardedCode.CODE),
                RawMemory.getLong(record + GuardedCode.ADDRESS),
                at,
                at - codeBegin));
    if (block != null) {
      long rip = block.guestAt(at);
      long behind = rip - block.rip;
      // An instruction that runs into the next page is shown as far as its first one goes.
      int length = (int) Math.min(BYTES, 4096 - (block.guestBytes + behind & 4095));
      text.append(
          "\n  guest block %x mode %d, instruction %x: %s"
              .formatted(block.rip, block.mode, rip, hex(block.guestBytes + behind, length)));
      text.append("\n  host block %x to %x".formatted(block.hostBegin, block.hostEnd));
    }
    long first = Math.max(codeBegin, at - BYTES);
    text.append(
        "\n  host code before: %s at: %s"
            .formatted(hex(first, at - first), hex(at, Math.min(2 * BYTES, codeEnd - at))));
    for (int r = 0; r < 16; r++) {
      text.append(r % 4 == 0 ? "\n  guest" : "");
      text.append(
          " %3s %016x".formatted(NAMES[r], RawMemory.getLong(state + CpuState.GPR + r * 8)));
    }
    text.append(
        "\n  guest flags %04x cr3 %x cpl %d"
            .formatted(
                RawMemory.getShort(state + Layout.FLAGS) & 0xffff,
                RawMemory.getLong(state + CpuState.CR3),
                RawMemory.getInt(state + CpuState.CPL)));
    for (int r = 0; r < 16; r++) {
      long value = RawMemory.getLong(record + GuardedCode.REGISTERS + RECORDED[r] * 8L);
      text.append(r % 4 == 0 ? "\n  host " : "");
      text.append(" %3s %016x".formatted(NAMES[r], value));
    }
    text.append("\n  entered before:");
    for (long entry : way) {
      if (entry != 0) {
        text.append(" %x".formatted(entry));
      }
    }
    return text.toString();
  }

  private static String hex(long address, long length) {
    StringBuilder text = new StringBuilder(3 * BYTES);
    for (int i = 0; i < length; i++) {
      text.append("%02x".formatted(RawMemory.getByte(address + i)));
    }
    return text.toString();
  }
}
