package isola.cpu.kvm;

import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSpec;
import isola.host.ExecutableMemory;
import java.lang.invoke.MethodHandle;

/**
 * The way into a guest: a few host instructions that make the KVM_RUN system call and put what
 * matters of the {@link KvmRun} it leaves into one number. Between two exits the JVM then touches
 * few pages and little memory, also where only its quick compiler is at work, which makes a call or
 * two of each access to memory outside the heap. Any thread.
 *
 * <p>What {@link #enter} returns: bits 0 to 7 are one of the kinds below. With {@link #PORT_IN} and
 * {@link #PORT_OUT} follow the size in bytes (bits 8 to 15), the port (16 to 31) and, of a write,
 * the data (32 to 63), of which bits above the size mean nothing; with the others KVM's reason or
 * the error number.
 */
final class GuestEntry {
  /** A read of a port, to be answered by the next entry. */
  static final int PORT_IN = KvmSpec.KVM_EXIT_IO_IN;

  /** A write of a port. */
  static final int PORT_OUT = KvmSpec.KVM_EXIT_IO_OUT;

  /** Added to one of these: it is more than one access, of the same port. */
  static final int STRING = 2;

  /** Another exit of KVM's. */
  static final int EXIT = 0x80;

  /** The call failed. */
  static final int FAILED = 0xff;

  static final int SIZE_SHIFT = 8;
  static final int PORT_SHIFT = 16;
  static final int DATA_SHIFT = 32;
  static final int REASON_SHIFT = 8;

  /** System call of x86-64 Linux, asm/unistd_64.h. */
  private static final int SYS_IOCTL = 16;

  private static final int PAGE = 4096;

  /** A constant, so that every compiler calls it directly. */
  private static final MethodHandle ENTER = bind();

  private GuestEntry() {}

  /**
   * Makes the way in ready, before the first guest wants it.
   *
   * @throws LinkageError if the host gives no executable memory
   */
  static void prepare() {
    // The class is initialized by now.
  }

  /**
   * Enters the guest and returns when it has left.
   *
   * @param file descriptor of the processor
   * @param run host address of its {@link KvmRun}
   * @param answered 1 to answer the read of a port that it last left for, else 0
   * @param answer the value read
   */
  static long enter(int file, long run, int answered, long answer) {
    try {
      return (long) ENTER.invokeExact((long) file, run, (long) answered, answer, 0L, 0L);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static MethodHandle bind() {
    byte[] code = code();
    // It stays for good: the way in is the same for all guests.
    ExecutableMemory memory = new ExecutableMemory(PAGE);
    for (int i = 0; i < code.length; i++) {
      RawMemory.putByte(memory.writable() + i, code[i]);
    }
    return ExecutableMemory.function(memory.executable());
  }

  /** The instructions; arguments are in RDI, RSI, RDX and RCX (System V ABI for AMD64, 3.2.3). */
  static byte[] code() {
    int[] code = {
      0x53, // push %rbx
      0x48,
      0x89,
      0xf3, // mov %rsi,%rbx
      0x85,
      0xd2, // test %edx,%edx
      0x74,
      0x07, // jz 1f
      0x48,
      0x8b,
      0x46,
      KvmRun.Io.DATA_OFFSET, // mov data_offset(%rsi),%rax
      0x89,
      0x0c,
      0x06, // mov %ecx,(%rsi,%rax)
      // 1:
      0xbe,
      KvmSpec.KVM_RUN & 0xff,
      KvmSpec.KVM_RUN >> 8,
      0,
      0, // mov $KVM_RUN,%esi
      0x31,
      0xd2, // xor %edx,%edx
      0xb8,
      SYS_IOCTL,
      0,
      0,
      0, // mov $SYS_IOCTL,%eax
      0x0f,
      0x05, // syscall
      0x85,
      0xc0, // test %eax,%eax
      0x78,
      0x2b, // js 3f
      0x8b,
      0x43,
      KvmRun.EXIT_REASON, // mov exit_reason(%rbx),%eax
      0x83,
      0xf8,
      KvmSpec.KVM_EXIT_IO, // cmp $KVM_EXIT_IO,%eax
      0x75,
      0x2d, // jne 4f
      0x48,
      0x8b,
      0x43,
      KvmRun.Io.DIRECTION, // mov io(%rbx),%rax: direction, size, port, count
      0x48,
      0x8b,
      0x53,
      KvmRun.Io.DATA_OFFSET, // mov data_offset(%rbx),%rdx
      0x8b,
      0x14,
      0x13, // mov (%rbx,%rdx),%edx
      0x48,
      0x89,
      0xc1, // mov %rax,%rcx
      0x48,
      0xc1,
      0xe9,
      0x20, // shr $32,%rcx
      0xff,
      0xc9, // dec %ecx
      0x74,
      0x02, // jz 2f
      0x0c,
      STRING, // or $STRING,%al
      // 2:
      0x89,
      0xc0, // mov %eax,%eax
      0x48,
      0xc1,
      0xe2,
      DATA_SHIFT, // shl $DATA_SHIFT,%rdx
      0x48,
      0x09,
      0xd0, // or %rdx,%rax
      0x5b, // pop %rbx
      0xc3, // ret
      // 3:
      0xf7,
      0xd8, // neg %eax
      0x48,
      0xc1,
      0xe0,
      REASON_SHIFT, // shl $REASON_SHIFT,%rax
      0xb0,
      FAILED, // mov $FAILED,%al
      0x5b, // pop %rbx
      0xc3, // ret
      // 4:
      0x48,
      0xc1,
      0xe0,
      REASON_SHIFT, // shl $REASON_SHIFT,%rax
      0xb0,
      EXIT, // mov $EXIT,%al
      0x5b, // pop %rbx
      0xc3, // ret
    };
    byte[] bytes = new byte[code.length];
    for (int i = 0; i < code.length; i++) {
      bytes[i] = (byte) code[i];
    }
    return bytes;
  }
}
