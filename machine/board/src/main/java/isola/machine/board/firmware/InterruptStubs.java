package isola.machine.board.firmware;

import isola.core.bus.PortBus;
import isola.core.memory.GuestMemory;

/**
 * What a PC's firmware leaves for programs that run in real mode: interrupt controllers set up, the
 * timer ticking at 18.2 Hz, and an interrupt table whose handlers acknowledge and return. There are
 * no BIOS services.
 */
final class InterruptStubs {
  private static final int SEGMENT = 0xf000;
  private static final long SEGMENT_BASE = 0xf_0000L;
  private static final int VECTORS = 256;
  private static final int MASTER_BASE = 0x08;
  private static final int SLAVE_BASE = 0x70;
  private static final int REQUESTS = 8;

  // Places in the segment, and the code there.
  private static final int RETURN = 0xff53;
  private static final int END_MASTER = 0xfea5;
  private static final int END_SLAVE = 0xfed0;

  /** IRET. */
  private static final byte[] RETURN_CODE = {(byte) 0xcf};

  /** PUSH AX; MOV AL, 20h; OUT 20h, AL; POP AX; IRET. */
  private static final byte[] END_MASTER_CODE = {
    0x50, (byte) 0xb0, 0x20, (byte) 0xe6, 0x20, 0x58, (byte) 0xcf
  };

  /** The same with OUT A0h, AL before. */
  private static final byte[] END_SLAVE_CODE = {
    0x50, (byte) 0xb0, 0x20, (byte) 0xe6, (byte) 0xa0, (byte) 0xe6, 0x20, 0x58, (byte) 0xcf
  };

  // Intel 8259A: ICW1 to ICW4 of both, then the masks: the timer and the slave may interrupt.
  private static final int[][] CONTROLLERS = {
    {0x20, 0x11},
    {0xa0, 0x11},
    {0x21, MASTER_BASE},
    {0xa1, SLAVE_BASE},
    {0x21, 0x04},
    {0xa1, 0x02},
    {0x21, 0x01},
    {0xa1, 0x01},
    {0x21, 0xfa},
    {0xa1, 0xff},
  };

  // Intel 8254: counter 0 divides by 65536, mode 3.
  private static final int[][] TIMER = {{0x43, 0x36}, {0x40, 0}, {0x40, 0}};

  private InterruptStubs() {}

  static void install(GuestMemory memory, PortBus ports) {
    code(memory, RETURN, RETURN_CODE);
    code(memory, END_MASTER, END_MASTER_CODE);
    code(memory, END_SLAVE, END_SLAVE_CODE);
    for (int vector = 0; vector < VECTORS; vector++) {
      int handler = RETURN;
      if (vector >= MASTER_BASE && vector < MASTER_BASE + REQUESTS) {
        handler = END_MASTER;
      } else if (vector >= SLAVE_BASE && vector < SLAVE_BASE + REQUESTS) {
        handler = END_SLAVE;
      }
      memory.put(vector * 4L, 4, (long) SEGMENT << 16 | handler);
    }
    for (int[] write : CONTROLLERS) {
      ports.out(write[0], 1, write[1]);
    }
    for (int[] write : TIMER) {
      ports.out(write[0], 1, write[1]);
    }
  }

  private static void code(GuestMemory memory, int offset, byte[] bytes) {
    memory.write(SEGMENT_BASE + offset, bytes, 0, bytes.length);
  }
}
