package isola.cpu.x86.interpreter;

import static org.assertj.core.api.Assertions.assertThat;

import isola.core.cpu.Exit;
import isola.core.cpu.Vcpu;
import isola.core.memory.RawMemory;
import isola.cpu.x86.state.CpuState;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The small programs of Intel SDM vol. 3A 9.2.3, each processor's on a thread of its own: outcomes
 * that x86 forbids must not show. A run goes through many pairs of places, x and y, so that the
 * processors meet often without waiting for each other.
 */
@Timeout(120)
class LitmusTest {
  private static final int PLACES = 8_000;
  private static final int ROUNDS = 12;
  private static final int STRIDE = 128;
  private static final long CELLS = 0x20_0000;
  private static final long RESULTS = 0x80_0000;
  private static final long RESULT_BYTES = 0x10_0000;
  private static final long START = 0x6_0000;

  private static final String STORE_X = "c70701000000";
  private static final String STORE_Y = "c7474001000000";
  private static final String X_TO_EAX = "8b07";
  private static final String Y_TO_EAX = "8b4740";
  private static final String X_TO_EBX = "8b1f";
  private static final String Y_TO_EBX = "8b5f40";
  private static final String EXCHANGE_X = "ba01000000 8717";
  private static final String EXCHANGE_Y = "ba01000000 875740";
  private static final String MFENCE = "0faef0";

  /** What one processor saw at one pair of places: EAX and EBX. */
  private record Seen(int a, int b) {}

  private final List<List<Seen>> outcomes = new ArrayList<>();

  /** Loads are not reordered with loads, nor stores with stores (9.2.3.2). */
  @Test
  void aMessageArrivesAfterWhatItAnnounces() throws InterruptedException {
    run(STORE_X + STORE_Y, Y_TO_EAX + X_TO_EBX);
    never(seen -> seen.get(1).a == 1 && seen.get(1).b == 0);
  }

  /** Stores are not reordered with earlier loads (9.2.3.3). */
  @Test
  void loadsDoNotSeeStoresThatWaitForThem() throws InterruptedException {
    run(X_TO_EAX + STORE_Y, Y_TO_EAX + STORE_X);
    never(seen -> seen.get(0).a == 1 && seen.get(1).a == 1);
  }

  /** Loads may go ahead of earlier stores (9.2.3.4), but not across MFENCE. */
  @Test
  void aFenceKeepsLoadsBehindStores() throws InterruptedException {
    run(STORE_X + MFENCE + Y_TO_EAX, STORE_Y + MFENCE + X_TO_EAX);
    never(seen -> seen.get(0).a == 0 && seen.get(1).a == 0);
  }

  /** Loads and stores are not reordered with locked instructions (9.2.3.9). */
  @Test
  void aLockedInstructionKeepsLoadsBehindStores() throws InterruptedException {
    run(EXCHANGE_X + Y_TO_EAX, EXCHANGE_Y + X_TO_EAX);
    never(seen -> seen.get(0).a == 0 && seen.get(1).a == 0);
  }

  /** A processor sees its own stores at once (9.2.3.5). */
  @Test
  void aProcessorSeesItsOwnStoresFirst() throws InterruptedException {
    run(STORE_X + X_TO_EAX + Y_TO_EBX, STORE_Y + Y_TO_EAX + X_TO_EBX);
    never(seen -> seen.get(0).a != 1 || seen.get(1).a != 1);
  }

  /** Others see the stores of two processors in one order (9.2.3.7). */
  @Test
  void allSeeStoresInOneOrder() throws InterruptedException {
    run(STORE_X, STORE_Y, X_TO_EAX + Y_TO_EBX, Y_TO_EAX + X_TO_EBX);
    never(seen -> seen.get(2).equals(new Seen(1, 0)) && seen.get(3).equals(new Seen(1, 0)));
  }

  private void never(Predicate<List<Seen>> forbidden) {
    assertThat(outcomes).hasSize(PLACES * ROUNDS).noneMatch(forbidden);
  }

  private void run(String... programs) throws InterruptedException {
    try (Guest guest = new Guest()) {
      List<Vcpu> vcpus = new ArrayList<>();
      for (int i = 0; i < programs.length; i++) {
        program(guest, i, programs[i], programs.length);
        vcpus.add(guest.vcpu());
      }
      for (int round = 0; round < ROUNDS; round++) {
        round(guest, vcpus);
      }
    }
  }

  private static long code(int number) {
    return Guest.CODE + number * 0x1000L;
  }

  private static void program(Guest guest, int number, String body, int processors) {
    // lock inc dword [r8]; 1: pause; cmp dword [r8],processors; jb 1b
    String start = "f041ff00 f390 418338" + HexFormat.of().toHexDigits((byte) processors) + "72f8";
    // mov [rsi],eax; mov [rsi+4],ebx; add rdi,128; add rsi,8; dec rcx; jnz body; hlt
    String end = "8906 895e04 4881c780000000 4883c608 48ffc9 0f85";
    int length = (body + end).replace(" ", "").length() / 2 + 4;
    String back = HexFormat.of().toHexDigits(Integer.reverseBytes(-length));
    guest.program(code(number), start + body + end + back + "f4");
  }

  private void round(Guest guest, List<Vcpu> vcpus) throws InterruptedException {
    for (long at = 0; at < (long) PLACES * STRIDE; at += 8) {
      guest.memory.put(CELLS + at, 8, 0);
    }
    guest.memory.put(START, 4, 0);
    List<Thread> threads = new ArrayList<>();
    List<Exit> exits = new ArrayList<>();
    for (int i = 0; i < vcpus.size(); i++) {
      Vcpu vcpu = vcpus.get(i);
      RawMemory.putLong(vcpu.state() + CpuState.RIP, code(i));
      RawMemory.putInt(vcpu.state() + CpuState.ACTIVITY, 0);
      Guest.set(vcpu, 0, 0);
      Guest.set(vcpu, 1, PLACES);
      Guest.set(vcpu, 3, 0);
      Guest.set(vcpu, 6, RESULTS + i * RESULT_BYTES);
      Guest.set(vcpu, 7, CELLS);
      Guest.set(vcpu, 8, START);
      exits.add(Exit.KICK);
      int number = i;
      threads.add(
          new Thread(
              () -> {
                vcpu.push();
                exits.set(number, vcpu.run());
              }));
    }
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(exits).containsOnly(Exit.HALT);
    for (int place = 0; place < PLACES; place++) {
      List<Seen> seen = new ArrayList<>();
      for (int i = 0; i < vcpus.size(); i++) {
        long at = RESULTS + i * RESULT_BYTES + place * 8L;
        seen.add(new Seen((int) guest.memory.get(at, 4), (int) guest.memory.get(at + 4, 4)));
      }
      outcomes.add(seen);
    }
  }
}
