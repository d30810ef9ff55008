package isola.image.fetch;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * One answer of a mirror that is being read. A mirror that sends nothing for a while counts as
 * dead: its answer is closed, which wakes the reader.
 */
final class Transfer implements AutoCloseable {
  private final InputStream in;
  private final long start;
  private final Thread watch;
  private volatile long lastHeard = System.nanoTime();
  private volatile boolean silent;

  private Transfer(InputStream in, long start, Duration patience) {
    this.in = in;
    this.start = start;
    this.watch = Thread.ofVirtual().start(() -> watch(patience));
  }

  /**
   * Asks for a file from an offset on.
   *
   * @return the answer, or null if the mirror says that there is no such file
   * @throws IOException if there is no answer, or one that says that it cannot be had now
   */
  static @Nullable Transfer open(HttpClient client, String address, long offset, Duration patience)
      throws IOException, InterruptedException {
    URI uri;
    try {
      uri = new URI(escaped(address));
    } catch (URISyntaxException e) {
      throw new IOException("that is no address", e);
    }
    if ("file".equalsIgnoreCase(uri.getScheme())) {
      try {
        return new Transfer(Files.newInputStream(Path.of(uri.getPath())), 0, patience);
      } catch (NoSuchFileException e) {
        return null;
      }
    }
    HttpRequest.Builder request =
        HttpRequest.newBuilder().timeout(patience).GET().header("User-Agent", "isola");
    if (uri.getRawUserInfo() != null) {
      byte[] login = uri.getUserInfo().getBytes(StandardCharsets.UTF_8);
      request.header("Authorization", "Basic " + Base64.getEncoder().encodeToString(login));
      uri = URI.create(uri.toString().replaceFirst("//[^/@]*@", "//"));
    }
    if (offset > 0) {
      request.header("Range", "bytes=" + offset + "-");
    }
    HttpResponse<InputStream> response =
        client.send(request.uri(uri).build(), HttpResponse.BodyHandlers.ofInputStream());
    int status = response.statusCode();
    if (status == 200) {
      return new Transfer(response.body(), 0, patience);
    }
    String range = response.headers().firstValue("Content-Range").orElse("");
    if (status == 206 && range.startsWith("bytes " + offset + "-")) {
      return new Transfer(response.body(), offset, patience);
    }
    response.body().close();
    if (status == 404 || status == 410) {
      return null;
    }
    throw new IOException("it answered with status " + status);
  }

  /**
   * Where in the file this answer begins: at the wanted offset, or at 0 from a mirror that cannot
   * resume.
   */
  long start() {
    return start;
  }

  /**
   * Reads some bytes, or tells -1 at the end.
   *
   * @throws HttpTimeoutException if nothing came for too long
   */
  int read(byte[] into) throws IOException {
    int count;
    try {
      count = in.read(into);
    } catch (IOException e) {
      if (silent) {
        HttpTimeoutException timeout = new HttpTimeoutException("it went silent in the middle");
        timeout.initCause(e);
        throw timeout;
      }
      throw e;
    }
    lastHeard = System.nanoTime();
    return count;
  }

  private void watch(Duration patience) {
    try {
      while (System.nanoTime() - lastHeard < patience.toNanos()) {
        Thread.sleep(Math.min(500, patience.toMillis()));
      }
      silent = true;
      in.close();
    } catch (InterruptedException | IOException e) {
      // The transfer is over.
    }
  }

  @Override
  public void close() throws IOException {
    watch.interrupt();
    in.close();
  }

  /** A file's name in an archive may have characters that an address may not. */
  private static String escaped(String address) {
    StringBuilder escaped = new StringBuilder();
    for (byte b : address.getBytes(StandardCharsets.UTF_8)) {
      int c = b & 0xff;
      boolean plain = c > 0x20 && c < 0x7f && "\"<>\\^`{|}".indexOf(c) < 0;
      escaped.append(plain ? String.valueOf((char) c) : String.format("%%%02X", c));
    }
    return escaped.toString();
  }
}
