package isola.image.fetch;

import isola.image.ImageException;
import isola.image.disk.Disk;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ProxySelector;
import java.net.http.HttpClient;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** Fetches files over http, https and from {@code file:} addresses. */
public final class Fetcher implements AutoCloseable {
  private static final int ATTEMPTS = 5;

  /** A mirror that is silent each time is given up sooner: each costs the user's whole patience. */
  private static final int SILENCES = 2;

  private static final int PIECE = 1 << 16;

  private final HttpClient client;
  private final Disk disk;
  private final Duration patience;
  private final Duration pause;

  /**
   * Makes one.
   *
   * @param patience how long a mirror may be silent
   * @param pause how long to wait before the second attempt; each later one waits twice as long
   */
  public Fetcher(ProxySelector proxies, Disk disk, Duration patience, Duration pause) {
    this.disk = disk;
    this.patience = patience;
    this.pause = pause;
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(patience)
            .proxy(proxies)
            .executor(Executors.newVirtualThreadPerTaskExecutor())
            .build();
  }

  /**
   * Fetches a small file whose hash is not known.
   *
   * @param limit the most bytes to accept
   * @return its bytes, or nothing if the mirror has no such file
   * @throws ImageException if no attempt brought all of it
   */
  public Optional<byte[]> small(String address, int limit) throws ImageException {
    IOException last = null;
    int attempt = 0;
    for (int silences = 0; attempt < ATTEMPTS && silences < SILENCES; attempt++) {
      pauseBefore(attempt);
      try (Transfer transfer = Transfer.open(client, address, 0, patience)) {
        if (transfer == null) {
          return Optional.empty();
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] piece = new byte[PIECE];
        for (int count; (count = transfer.read(piece)) >= 0; ) {
          all.write(piece, 0, count);
          if (all.size() > limit) {
            throw new ImageException(
                "The answer of " + shown(address) + " is too long; use another mirror.");
          }
        }
        return Optional.of(all.toByteArray());
      } catch (IOException e) {
        last = e;
        stopIfInterrupted(e);
        silences += e instanceof HttpTimeoutException ? 1 : 0;
      } catch (InterruptedException e) {
        throw interrupted(e);
      }
    }
    throw unreachable(address, last, attempt);
  }

  /**
   * Fetches a file whose hash is known. The file has its whole content when this returns, and is
   * gone if it throws.
   *
   * @param addresses where it can be had; further ones are tried when the first fails
   * @param target a file that does not exist yet
   * @param sha256 its hash, in hexadecimal
   * @param size its size in bytes; not a byte more is read
   * @param progress hears how many bytes of it are there, perhaps fewer than before when it begins
   *     again
   * @throws ImageException if it could not be had whole, is another file, or could not be written
   */
  public void file(
      List<String> addresses, Path target, String sha256, long size, LongConsumer progress)
      throws ImageException {
    boolean whole = false;
    try (FileChannel out = disk.create(target)) {
      fetch(addresses, out, target, sha256, size, progress);
      whole = true;
    } catch (IOException e) {
      throw writing(target, e);
    } finally {
      if (!whole) {
        remove(target);
      }
    }
  }

  private void fetch(
      List<String> addresses,
      FileChannel out,
      Path target,
      String sha256,
      long size,
      LongConsumer progress)
      throws ImageException {
    MessageDigest digest = Digests.sha256();
    ImageException refusal = null;
    IOException last = null;
    long have = 0;
    String address = addresses.getFirst();
    int silences = 0;
    int attempt = 0;
    for (; attempt < ATTEMPTS && silences < SILENCES * addresses.size(); attempt++) {
      pauseBefore(attempt);
      address = addresses.get(attempt % addresses.size());
      try (Transfer transfer = Transfer.open(client, address, have, patience)) {
        if (transfer == null) {
          refusal =
              new ImageException(
                  "The mirror has no "
                      + shown(address)
                      + "; use another mirror, or try again later.");
          if (addresses.size() == 1) {
            throw refusal;
          }
          continue;
        }
        if (transfer.start() != have) {
          have = restart(out, target, digest);
        }
        have = copy(transfer, out, target, digest, have, size, progress);
        if (have == size && Digests.hex(digest).equals(sha256)) {
          return;
        }
        if (have < size) {
          last = new IOException("it broke off after " + have + " of " + size + " bytes");
          continue;
        }
        refusal =
            new ImageException(
                "The file "
                    + shown(address)
                    + " is not what the signed package list says (wrong SHA-256); it was changed or"
                    + " damaged, and nothing of it was kept.");
        if (addresses.size() == 1) {
          throw refusal;
        }
        have = restart(out, target, digest);
      } catch (Broken e) {
        have = e.have;
        last = e.why;
        stopIfInterrupted(e.why);
        silences += e.why instanceof HttpTimeoutException ? 1 : 0;
      } catch (IOException e) {
        last = e;
        stopIfInterrupted(e);
        silences += e instanceof HttpTimeoutException ? 1 : 0;
      } catch (InterruptedException e) {
        throw interrupted(e);
      }
    }
    throw refusal != null ? refusal : unreachable(address, last, attempt);
  }

  /** The connection broke; so much was read before. */
  private static final class Broken extends Exception {
    private static final long serialVersionUID = 1;
    final long have;
    final IOException why;

    Broken(long have, IOException why) {
      super(why);
      this.have = have;
      this.why = why;
    }
  }

  private static long copy(
      Transfer transfer,
      FileChannel out,
      Path target,
      MessageDigest digest,
      long from,
      long size,
      LongConsumer progress)
      throws Broken, ImageException {
    long have = from;
    byte[] piece = new byte[PIECE];
    while (true) {
      int count;
      try {
        count = transfer.read(piece);
      } catch (IOException e) {
        throw new Broken(have, e);
      }
      if (count < 0) {
        return have;
      }
      if (have + count > size) {
        throw new ImageException(
            "A file of the mirror is longer than the signed package list says; nothing of it was kept.");
      }
      try {
        ByteBuffer bytes = ByteBuffer.wrap(piece, 0, count);
        while (bytes.hasRemaining()) {
          have += out.write(bytes, have);
        }
      } catch (IOException e) {
        throw writing(target, e);
      }
      digest.update(piece, 0, count);
      progress.accept(have);
    }
  }

  private static long restart(FileChannel out, Path target, MessageDigest digest)
      throws ImageException {
    digest.reset();
    try {
      out.truncate(0);
    } catch (IOException e) {
      throw writing(target, e);
    }
    return 0;
  }

  private void pauseBefore(int attempt) throws ImageException {
    if (attempt == 0) {
      return;
    }
    try {
      Thread.sleep(pause.multipliedBy(1L << (attempt - 1)));
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  /** The client reports an interrupt in the middle of an answer as a failure to read. */
  private static void stopIfInterrupted(IOException e) throws ImageException {
    if (e instanceof ClosedByInterruptException || e.getCause() instanceof InterruptedException) {
      throw interrupted(e);
    }
  }

  private static ImageException writing(Path target, IOException e) {
    return e instanceof ClosedByInterruptException ? interrupted(e) : Disk.failed(target, e);
  }

  private static ImageException interrupted(Exception e) {
    Thread.currentThread().interrupt();
    return new ImageException("The download was interrupted.", e);
  }

  private static ImageException unreachable(
      String address, @Nullable IOException last, int attempts) {
    IOException cause = Objects.requireNonNullElseGet(last, () -> new IOException("no answer"));
    String message = cause.getMessage();
    String reason = message == null || message.isBlank() ? "no connection" : message;
    return new ImageException(
        "The mirror does not deliver "
            + shown(address)
            + " ("
            + reason
            + " after "
            + attempts
            + " attempts); check the network, or try again later.",
        cause);
  }

  /** An address for a message, without the password that it may have. */
  private static String shown(String address) {
    return address.replaceFirst("//[^/@]*@", "//");
  }

  static void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // The store's next owner clears its temporary files.
    }
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
