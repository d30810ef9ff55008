package isola.image.tree;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a regular file contains. */
public interface Content {
  /** Bytes in it. */
  long size();

  /** Reads it from its beginning; it has {@link #size} bytes. */
  InputStream open() throws IOException;

  /** A content in memory. */
  final class Bytes implements Content {
    private final byte[] bytes;

    /** The bytes are not copied; nobody may change them any more. */
    public Bytes(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public long size() {
      return bytes.length;
    }

    @Override
    public InputStream open() {
      return new ByteArrayInputStream(bytes);
    }
  }

  /** A file of this machine. If it has become shorter by the time it is read, reading it fails. */
  record HostFile(Path path, long size) implements Content {
    @Override
    public InputStream open() throws IOException {
      return Files.newInputStream(path);
    }
  }

  /** A text. */
  static Content text(String text) {
    return new Bytes(text.getBytes(StandardCharsets.UTF_8));
  }

  /** All of it, for a content that is known to be small. */
  default byte[] bytes() throws IOException {
    try (InputStream in = open()) {
      return in.readAllBytes();
    }
  }
}
