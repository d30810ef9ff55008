package isola.machine.devices.timer;

import isola.core.bus.PortDevice;
import isola.core.device.Stateful;
import isola.core.irq.InterruptLine;
import isola.core.time.Clock;
import java.util.List;

/**
 * The 8254 interval timer: channel 0 interrupts, channel 1 refreshed memory once, channel 2 drives
 * the speaker and is read through port 0x61. Any thread.
 */
public final class Pit implements PortDevice, Stateful<Pit.State> {
  /**
   * Volatile state.
   *
   * @param channels the three counters
   * @param speaker the writable bits of port 0x61
   */
  public record State(List<ChannelState> channels, int speaker) {}

  /** Volatile state of a counter; times are in ticks, latches -1 if empty. */
  public record ChannelState(
      int mode,
      int access,
      int flags,
      int reload,
      long since,
      long gateFell,
      int lowByte,
      int latch,
      int statusLatch) {}

  private static final long SECOND = 1_000_000_000L;

  /** A guest cannot make the host's timer run more often than this, in ticks: 20 microseconds. */
  private static final long SHORTEST_PERIOD = 24;

  // Wiring.
  private final Clock clock;
  private final InterruptLine output;
  private final Clock.Timer alarm;
  private final PortDevice speakerPort = new SpeakerPort();

  // Volatile state.
  private final PitChannel[] channels = new PitChannel[PitSpec.CHANNELS];
  private int speaker;
  private long nextRise = Long.MAX_VALUE;

  /**
   * A timer with nothing programmed.
   *
   * @param output channel 0's: interrupt request 0
   */
  public Pit(Clock clock, InterruptLine output) {
    this.clock = clock;
    this.output = output;
    alarm = clock.timer(this::due);
    reset();
  }

  /** Port 0x61, one port. */
  public PortDevice speakerPort() {
    return speakerPort;
  }

  private long now() {
    long nanos = clock.nanos();
    return nanos / SECOND * PitSpec.HZ + nanos % SECOND * PitSpec.HZ / SECOND;
  }

  private static long nanos(long ticks) {
    return ticks / PitSpec.HZ * SECOND
        + (ticks % PitSpec.HZ * SECOND + PitSpec.HZ - 1) / PitSpec.HZ;
  }

  private synchronized void due() {
    long now = now();
    if (now < nextRise) {
      schedule(now, 1);
      return;
    }
    output.pulse();
    schedule(now, SHORTEST_PERIOD);
  }

  private void schedule(long now, long least) {
    nextRise = channels[0].nextRise(now);
    if (nextRise == Long.MAX_VALUE) {
      alarm.cancel();
    } else {
      nextRise = Math.max(nextRise, now + least);
      alarm.schedule(nanos(nextRise));
    }
  }

  @Override
  public synchronized int in(int offset, int size) {
    int value = offset < PitSpec.CHANNELS ? channels[offset].read(now()) : 0xff;
    return value | 0xffff_ff00;
  }

  @Override
  public synchronized void out(int offset, int size, int value) {
    long now = now();
    if (offset < PitSpec.CHANNELS) {
      if (channels[offset].write(value & 0xff, now) && offset == 0) {
        schedule(now, 1);
      }
      return;
    }
    int select = value >> 6 & 3;
    if (select == PitSpec.READ_BACK) {
      for (int i = 0; i < PitSpec.CHANNELS; i++) {
        if ((value & 2 << i) != 0) {
          readBack(channels[i], value, now);
        }
      }
      return;
    }
    channels[select].control(value, now);
    if (select == 0) {
      schedule(now, 1);
    }
  }

  private static void readBack(PitChannel channel, int command, long now) {
    if ((command & PitSpec.NO_COUNT) == 0) {
      channel.latchCount(now);
    }
    if ((command & PitSpec.NO_STATUS) == 0) {
      channel.latchStatus(now);
    }
  }

  @Override
  public synchronized void reset() {
    for (int i = 0; i < PitSpec.CHANNELS; i++) {
      channels[i] = new PitChannel(i != 2);
    }
    speaker = 0;
    nextRise = Long.MAX_VALUE;
    alarm.cancel();
    output.set(false);
  }

  @Override
  public synchronized State save() {
    return new State(List.of(channels[0].save(), channels[1].save(), channels[2].save()), speaker);
  }

  @Override
  public synchronized void restore(State state) {
    if (state.channels.size() != PitSpec.CHANNELS) {
      throw new IllegalArgumentException("the saved state is not an 8254's");
    }
    for (int i = 0; i < PitSpec.CHANNELS; i++) {
      channels[i].restore(state.channels.get(i));
    }
    speaker = state.speaker & PitSpec.PORT_61_WRITABLE;
    schedule(now(), 1);
  }

  private final class SpeakerPort implements PortDevice {
    @Override
    public int in(int offset, int size) {
      synchronized (Pit.this) {
        int value = speaker;
        if ((clock.nanos() / PitSpec.REFRESH_NANOS & 1) != 0) {
          value |= PitSpec.REFRESH;
        }
        if (channels[2].output(now())) {
          value |= PitSpec.OUTPUT_2;
        }
        return value | 0xffff_ff00;
      }
    }

    @Override
    public void out(int offset, int size, int value) {
      synchronized (Pit.this) {
        speaker = value & PitSpec.PORT_61_WRITABLE;
        channels[2].gate((value & PitSpec.GATE_2) != 0, now());
      }
    }
  }
}
