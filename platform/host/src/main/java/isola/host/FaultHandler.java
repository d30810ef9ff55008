package isola.host;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import isola.core.memory.OutOfHostMemoryException;
import isola.core.memory.RawMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.HexFormat;

/**
 * The process's signal handler for faults of generated code: machine code that looks the faulting
 * instruction up in a table of ranges. In one of them, it notes what the processor said and lets
 * the code go on at the range's own way out; everywhere else, the handler that was there before
 * (the JVM's, which needs these signals itself) gets the signal as if it had come to it.
 *
 * <p>Nothing of it changes in Java: the table is in a page of its own, which the handler reads with
 * no lock. A signal handler cannot be given back safely, so there is one for good, and it is
 * installed while there is any range.
 */
final class FaultHandler {
  /** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV (Linux uapi asm/signal.h). */
  private static final int[] SIGNALS = {4, 5, 7, 8, 11};

  // struct sigaction of the C library: sigaction(2).
  private static final int ACTION_HANDLER = 0;
  private static final int ACTION_MASK = 8;
  private static final int ACTION_FLAGS = 136;
  private static final int ACTION_BYTES = 152;
  private static final int SA_SIGINFO = 4;
  private static final int SA_ONSTACK = 0x0800_0000;
  private static final int SA_RESTART = 0x1000_0000;
  private static final int SA_NODEFER = 0x4000_0000;

  // The data page, in the order of the handler's code: how many ranges it must look at; an empty
  // struct sigaction of the kernel (at 64); the handlers before, by signal; the ranges.
  private static final int COUNT = 0;
  private static final int BEFORE = 256;
  private static final int RANGES = 1024;
  private static final int RANGE_SIZE = 32;
  private static final int RANGE_END = 8;
  private static final int RANGE_RECORD = 16;
  private static final int RANGE_RESUME = 24;
  private static final int DATA_BYTES = 1 << 16;
  private static final int MOST = (DATA_BYTES - RANGES) / RANGE_SIZE;

  /** First instruction: {@code movabs r8, data page}; its constant is put in. */
  private static final String CODE =
      """
      49b8 0000000000000000  mov r8, data
      488b82a8000000         mov rax, [rdx + 168]        ucontext: RIP
      418b08                 mov ecx, [r8 + count]
      4d8d8800040000         lea r9, [r8 + ranges]
      85c9                   next: test ecx, ecx
      745a                   jz chain
      493b01                 cmp rax, [r9 + begin]
      7206                   jb other
      493b4108               cmp rax, [r9 + end]
      7208                   jb found
      4983c120               other: add r9, 32
      ffc9                   dec ecx
      ebe9                   jmp next
      837e0800               found: cmp dword [rsi + 8], 0    siginfo: sent by a program?
      7e41                   jle chain
      4d8b5110               mov r10, [r9 + record]
      4863c7                 movsxd rax, edi
      498902                 mov [r10], rax              the signal
      48634608               movsxd rax, dword [rsi + 8]
      49894208               mov [r10 + 8], rax          its code
      488b4610               mov rax, [rsi + 16]
      49894210               mov [r10 + 16], rax         the address
      488d7228               lea rsi, [rdx + 40]         ucontext: registers
      498d7a18               lea rdi, [r10 + 24]
      b917000000             mov ecx, 23
      fc                     cld
      f348a5                 rep movsq
      498b4118               mov rax, [r9 + resume]
      488982a8000000         mov [rdx + 168], rax
      81a2b0000000fffafbff   and dword [rdx + 176], ~(TF | DF | AC)
      c3                     ret
      89f8                   chain: mov eax, edi
      498b84c000010000       mov rax, [r8 + rax * 8 + before]
      4885c0                 test rax, rax
      7402                   jz default
      ffe0                   jmp rax
      57                     default: push rdi
      b80d000000             mov eax, 13                 rt_sigaction(signal, default, 0, 8)
      498d7040               lea rsi, [r8 + 64]
      31d2                   xor edx, edx
      41ba08000000           mov r10d, 8
      0f05                   syscall
      b827000000             mov eax, 39                 getpid()
      0f05                   syscall
      89c7                   mov edi, eax
      b8ba000000             mov eax, 186                gettid()
      0f05                   syscall
      89c6                   mov esi, eax
      5a                     pop rdx
      b8ea000000             mov eax, 234                tgkill(process, thread, signal)
      0f05                   syscall
      c3                     ret
      """;

  private static final NativeFunction SIGACTION = NativeFunction.of("sigaction");

  private final long data;
  private final long code;

  private FaultHandler() {
    data = new MappedMemory().reserve(DATA_BYTES, "the fault handler");
    ExecutableMemory memory = new ExecutableMemory(4096);
    byte[] bytes = assemble();
    MemorySegment.copy(
        bytes, 0, RawMemory.view(memory.writable(), bytes.length), JAVA_BYTE, 0, bytes.length);
    RawMemory.putLong(memory.writable() + 2, data);
    code = memory.executable();
  }

  private static byte[] assemble() {
    StringBuilder hex = new StringBuilder(512);
    for (String line : CODE.lines().toList()) {
      int text = line.indexOf("  ");
      hex.append(line, 0, text);
    }
    return HexFormat.of().parseHex(hex.toString().replace(" ", ""));
  }

  private static final class Holder {
    static final FaultHandler ONLY = new FaultHandler();
  }

  /** The process's own; made at the first call. */
  static FaultHandler only() {
    return Holder.ONLY;
  }

  private long range(int index) {
    return data + RANGES + (long) index * RANGE_SIZE;
  }

  /**
   * Adds a range.
   *
   * @return its number, for {@link #remove}
   * @throws OutOfHostMemoryException if there are too many
   */
  synchronized int add(long begin, long end, long record, long resume) {
    int count = RawMemory.getInt(data + COUNT);
    int index = 0;
    boolean any = false;
    for (int i = count - 1; i >= 0; i--) {
      if (RawMemory.getLong(range(i)) == -1L) {
        index = i;
      } else {
        any = true;
      }
    }
    if (count == 0 || RawMemory.getLong(range(index)) != -1L) {
      index = count;
    }
    if (index == MOST) {
      throw new OutOfHostMemoryException(
          "There are %d processors with generated code already; run fewer guests in one JVM."
              .formatted(MOST));
    }
    long at = range(index);
    RawMemory.putLong(at, -1L);
    RawMemory.putLong(at + RANGE_END, end);
    RawMemory.putLong(at + RANGE_RECORD, record);
    RawMemory.putLong(at + RANGE_RESUME, resume);
    putOrdered(at, begin);
    if (index == count) {
      RawMemory.putIntVolatile(data + COUNT, count + 1);
    }
    if (!any) {
      install();
    }
    return index;
  }

  /** Takes a range away; no thread is in its code. */
  synchronized void remove(int index) {
    putOrdered(range(index), -1L);
    for (int i = RawMemory.getInt(data + COUNT) - 1; i >= 0; i--) {
      if (RawMemory.getLong(range(i)) != -1L) {
        return;
      }
    }
    uninstall();
  }

  private void install() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment before = arena.allocate(ACTION_BYTES, 8);
      MemorySegment action = arena.allocate(ACTION_BYTES, 8);
      for (int signal : SIGNALS) {
        call(signal, MemorySegment.NULL, before);
        long handler = before.get(JAVA_LONG, ACTION_HANDLER);
        if (handler == code) {
          // Somebody who had put theirs over ours has put ours back.
          continue;
        }
        // To be default or ignored is the same for a fault.
        putOrdered(data + BEFORE + signal * 8L, handler <= 1 ? 0 : handler);
        action.copyFrom(before);
        action.set(JAVA_LONG, ACTION_HANDLER, code);
        int flags = before.get(JAVA_INT, ACTION_FLAGS) & (SA_NODEFER | SA_RESTART);
        action.set(JAVA_INT, ACTION_FLAGS, flags | SA_SIGINFO | SA_ONSTACK);
        call(signal, action, MemorySegment.NULL);
      }
    }
  }

  /** Puts the handlers before back, but where somebody has put another over ours. */
  private void uninstall() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment now = arena.allocate(ACTION_BYTES, 8);
      for (int signal : SIGNALS) {
        call(signal, MemorySegment.NULL, now);
        if (now.get(JAVA_LONG, ACTION_HANDLER) == code) {
          long before = RawMemory.getLong(data + BEFORE + signal * 8L);
          now.set(JAVA_LONG, ACTION_HANDLER, before);
          if (before == 0) {
            now.set(JAVA_INT, ACTION_FLAGS, 0);
            now.asSlice(ACTION_MASK, 128).fill((byte) 0);
          }
          call(signal, now, MemorySegment.NULL);
        }
      }
    }
  }

  /** Stores after all that was stored before, as the handler sees it. */
  private static void putOrdered(long at, long value) {
    VarHandle.releaseFence();
    RawMemory.putLong(at, value);
    VarHandle.fullFence();
  }

  private static void call(int signal, MemorySegment action, MemorySegment before) {
    int result = SIGACTION.callInt(signal, action.address(), before.address());
    if (result != 0) {
      throw new IllegalStateException(
          "sigaction of signal %d: %s".formatted(signal, NativeFunction.message(-result)));
    }
  }
}
