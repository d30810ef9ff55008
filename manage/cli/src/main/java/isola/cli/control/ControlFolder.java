package isola.cli.control;

import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where the sockets of this user's running machines are: {@code isola} in the folder that
 * XDG_RUNTIME_DIR names, else {@code /tmp/isola-UID}. A name belongs to whoever listens on its
 * socket; one that nobody listens on is left over and goes. Any thread.
 */
public final class ControlFolder {
  /** What a machine may be called. */
  public static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");

  private static final String SUFFIX = ".sock";
  private static final String LOCK = "lock";

  /** What fits into sun_path with its final zero, unix(7). */
  private static final int LONGEST_PATH = 107;

  private static final int LONGEST_NAME = 63;

  /** A process holds a file lock once, so its threads take turns before. */
  private static final Object TURN = new Object();

  private final Path folder;

  /** The folder at some place. */
  public ControlFolder(Path folder) {
    this.folder = folder;
  }

  /** That of this process's user. */
  public static ControlFolder ofUser() {
    String runtime = System.getenv("XDG_RUNTIME_DIR");
    if (runtime != null && runtime.startsWith("/")) {
      Path folder = Path.of(runtime, "isola");
      int longest =
          folder.toString().getBytes(StandardCharsets.UTF_8).length
              + 1
              + LONGEST_NAME
              + SUFFIX.length();
      if (longest <= LONGEST_PATH && Files.isDirectory(Path.of(runtime))) {
        return new ControlFolder(folder);
      }
    }
    return new ControlFolder(Path.of("/tmp/isola-" + user()));
  }

  /** The number of this process's user. */
  private static Object user() {
    // The link itself is root's.
    return owner(Path.of("/proc/self"));
  }

  private static Object owner(Path path, LinkOption... options) {
    try {
      return Files.getAttribute(path, "unix:uid", options);
    } catch (IOException | UnsupportedOperationException e) {
      return System.getProperty("user.name", "user");
    }
  }

  private Path socket(String name) {
    return folder.resolve(name + SUFFIX);
  }

  /** Makes the folder, and looks whether it is this user's alone. */
  private void prepare() throws IOException {
    Set<PosixFilePermission> own = PosixFilePermissions.fromString("rwx------");
    try {
      Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(own));
    } catch (FileAlreadyExistsException e) {
      // Looked at below.
    }
    boolean right =
        Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
            && own.containsAll(Files.getPosixFilePermissions(folder, LinkOption.NOFOLLOW_LINKS))
            && owner(folder, LinkOption.NOFOLLOW_LINKS).equals(user());
    if (!right) {
      throw new IOException("%s is not a folder of this user alone".formatted(folder));
    }
  }

  /**
   * Takes a name, and listens on its socket.
   *
   * @return the listener, or null if a running machine has the name
   * @throws IOException if that is not possible here, with the reason
   */
  @Nullable ServerSocketChannel claim(String name) throws IOException {
    prepare();
    return locked(
        () -> {
          Path socket = socket(name);
          if (Files.exists(socket, LinkOption.NOFOLLOW_LINKS) && !removeIfStale(socket)) {
            return null;
          }
          ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
          try {
            listener.bind(UnixDomainSocketAddress.of(socket));
          } catch (IOException e) {
            listener.close();
            throw e;
          }
          return listener;
        });
  }

  private interface Action<R extends @Nullable Object> {
    R run() throws IOException;
  }

  /**
   * Does something while no other process, and no other thread of this one, does the like: a socket
   * that is bound and does not listen yet must not be taken for one that is left over.
   */
  private <R extends @Nullable Object> R locked(Action<R> action) throws IOException {
    synchronized (TURN) {
      try (FileChannel channel =
              FileChannel.open(
                  folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock _ = channel.lock()) {
        return action.run();
      }
    }
  }

  private static boolean removeIfStale(Path socket) throws IOException {
    try (SocketChannel _ = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      return false;
    } catch (ConnectException nobody) {
      // Refused. Any other failure, such as too many open files, says nothing about who listens.
      Files.deleteIfExists(socket);
      return true;
    }
  }

  /** Gives a name back. */
  void release(String name) {
    try {
      Files.deleteIfExists(socket(name));
    } catch (IOException e) {
      // It is found to be left over by whoever looks next.
    }
  }

  /** A conversation with a machine, or null if none of that name runs. */
  @Nullable SocketChannel connect(String name) {
    if (!NAME.matcher(name).matches()) {
      return null;
    }
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(socket(name)));
    } catch (IOException e) {
      return null;
    }
  }

  /** The names that are taken, some perhaps by machines that are gone. */
  List<String> names() throws IOException {
    List<String> names = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files.sorted()::iterator) {
        String name = file.getFileName().toString();
        if (name.endsWith(SUFFIX)) {
          names.add(name.substring(0, name.length() - SUFFIX.length()));
        }
      }
    } catch (NoSuchFileException e) {
      // No machine ever ran.
    }
    return names;
  }

  /** Removes a name's socket if nobody listens on it. */
  void forgetIfStale(String name) {
    try {
      boolean _ = locked(() -> removeIfStale(socket(name)));
    } catch (IOException e) {
      // It stays.
    }
  }
}
