package isola.cpu.kvm;

import isola.core.memory.GuestMemory;
import isola.core.memory.MemorySlot;
import isola.core.memory.RawMemory;
import isola.cpu.kvm.abi.KvmDtable;
import isola.cpu.kvm.abi.KvmRegs;
import isola.cpu.kvm.abi.KvmRun;
import isola.cpu.kvm.abi.KvmSegment;
import isola.cpu.kvm.abi.KvmSpec;
import isola.cpu.kvm.abi.KvmSregs;
import isola.cpu.x86.spec.Cr0;
import isola.cpu.x86.spec.Cr4;
import isola.cpu.x86.spec.Efer;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Finds out whether KVM runs a guest at the speed of hardware: there are hosts whose {@code
 * /dev/kvm} emulates 64-bit code at about one instruction a microsecond. A guest counts down from
 * 200,000, which takes hardware about a tenth of a millisecond, and is stopped when that takes too
 * long. As the host may be busy with other things, it has several tries.
 */
final class SpeedProbe {
  private static final int STEPS = 200_000;
  private static final long LIMIT_NANOS = 10_000_000;
  private static final int TRIES = 3;
  private static final long MEMORY = 0x10000;
  private static final long TABLES = 0x1000;
  private static final long CODE = 0x8000;
  private static final long LARGE_PRESENT_WRITABLE = 0x83;

  private SpeedProbe() {}

  /** One sentence if it does not; empty if it does. */
  static Optional<String> tooSlow() {
    try (KvmSystem system = KvmSystem.open(KvmSystem.PATH);
        GuestMemory memory = new GuestMemory();
        KvmVm vm = system.createVm()) {
      MemorySlot slot = memory.addRam(0, MEMORY);
      program(memory);
      vm.setMemory(0, slot, false);
      try (KvmVcpu vcpu = vm.createVcpu(0);
          Buffer buffer = new Buffer(4096)) {
        // Long mode is refused to a processor whose CPUID does not have it.
        GuestCpuid.set(vcpu, system.supportedCpuid());
        for (int i = 0; i < TRIES; i++) {
          prepare(vcpu, buffer);
          if (fast(vcpu)) {
            return Optional.empty();
          }
        }
      }
      return Optional.of(
          "/dev/kvm does not run at the speed of hardware: a guest's loop of %d steps took more than %d ms."
              .formatted(STEPS, LIMIT_NANOS / 1_000_000));
    } catch (KvmException e) {
      return Optional.of("the test of its speed failed: " + e.getMessage());
    }
  }

  private static void program(GuestMemory memory) {
    memory.put(TABLES, 8, TABLES + 0x1000 | 3);
    memory.put(TABLES + 0x1000, 8, TABLES + 0x2000 | 3);
    memory.put(TABLES + 0x2000, 8, LARGE_PRESENT_WRITABLE);
    // 1: dec %ecx; jnz 1b; out %al, $0x80
    memory.put(CODE, 8, 0x80e6_fc75_c9ffL);
  }

  private static void prepare(KvmVcpu vcpu, Buffer buffer) {
    long at = buffer.cleared(KvmSregs.SIZE);
    vcpu.require("KVM_GET_SREGS", KvmSpec.KVM_GET_SREGS, at);
    for (int segment = KvmSregs.CS; segment <= KvmSregs.SS; segment += KvmSegment.SIZE) {
      RawMemory.fill(at + segment, KvmSegment.SIZE, (byte) 0);
      RawMemory.putInt(at + segment + KvmSegment.LIMIT, -1);
      RawMemory.putShort(at + segment + KvmSegment.SELECTOR, (short) 0x10);
      RawMemory.putByte(at + segment + KvmSegment.TYPE, (byte) (segment == KvmSregs.CS ? 11 : 3));
      RawMemory.putByte(at + segment + KvmSegment.PRESENT, (byte) 1);
      RawMemory.putByte(at + segment + KvmSegment.S, (byte) 1);
      RawMemory.putByte(at + segment + KvmSegment.G, (byte) 1);
      RawMemory.putByte(at + segment + KvmSegment.L, (byte) (segment == KvmSregs.CS ? 1 : 0));
      RawMemory.putByte(at + segment + KvmSegment.DB, (byte) (segment == KvmSregs.CS ? 0 : 1));
    }
    RawMemory.putShort(at + KvmSregs.IDT + KvmDtable.LIMIT, (short) 0);
    RawMemory.putLong(at + KvmSregs.CR3, TABLES);
    RawMemory.putLong(at + KvmSregs.CR4, Cr4.PAE);
    RawMemory.putLong(at + KvmSregs.EFER, Efer.LME | Efer.LMA);
    RawMemory.putLong(at + KvmSregs.CR0, (Cr0.PG & 0xffff_ffffL) | Cr0.PE | Cr0.ET | Cr0.NE);
    vcpu.require("64-bit mode", KvmSpec.KVM_SET_SREGS, at);
    at = buffer.cleared(KvmRegs.SIZE);
    RawMemory.putLong(at + KvmRegs.RIP, CODE);
    RawMemory.putLong(at + KvmRegs.RCX, STEPS);
    RawMemory.putLong(at + KvmRegs.RFLAGS, 2);
    vcpu.require("registers", KvmSpec.KVM_SET_REGS, at);
  }

  private static boolean fast(KvmVcpu vcpu) {
    Attendance attendance = new Attendance(vcpu, new AtomicInteger());
    long start = System.nanoTime();
    Thread alarm =
        Thread.ofPlatform()
            .daemon()
            .name("kvm probe")
            .start(
                () -> {
                  long left = LIMIT_NANOS;
                  while (left > 0 && !Thread.currentThread().isInterrupted()) {
                    LockSupport.parkNanos(left);
                    left = LIMIT_NANOS - (System.nanoTime() - start);
                  }
                  attendance.ask(Attendance.KICK);
                });
    boolean done = false;
    long lasted = Long.MAX_VALUE;
    if (attendance.enter()) {
      int result;
      do {
        result = vcpu.run();
      } while (result < 0 && System.nanoTime() - start < LIMIT_NANOS);
      lasted = System.nanoTime() - start;
      // On a busy host the alarm may come late.
      done =
          result >= 0
              && RawMemory.getInt(vcpu.shared() + KvmRun.EXIT_REASON) == KvmSpec.KVM_EXIT_IO;
      attendance.leave();
    }
    alarm.interrupt();
    attendance.close();
    join(alarm);
    attendance.signalled();
    return done && lasted < LIMIT_NANOS;
  }

  private static void join(Thread alarm) {
    boolean interrupted = false;
    while (alarm.isAlive()) {
      try {
        alarm.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
