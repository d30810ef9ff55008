package isola.image.fetch;

import isola.image.ImageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** Fetches many files over a few connections. When one fails, the others are given up. */
public final class Downloads {
  private static final int CONNECTIONS = 4;

  /**
   * A file to fetch.
   *
   * @param addresses where it can be had, best first
   * @param target the file to make
   * @param sha256 its hash, in hexadecimal
   * @param size its size in bytes
   * @param done called when it is whole, in the thread that fetched it
   */
  public record Job(
      List<String> addresses, Path target, String sha256, long size, Completion done) {}

  /** What to do with a fetched file. */
  @FunctionalInterface
  public interface Completion {
    /** The file is whole and has the right hash. */
    void run() throws ImageException;
  }

  private Downloads() {}

  /**
   * Fetches all of them.
   *
   * @param progress hears by how many bytes the whole has grown (or shrunk, where one began again);
   *     from several threads
   * @throws ImageException for the first that failed, or if this thread was interrupted
   */
  public static void all(Fetcher fetcher, List<Job> jobs, LongConsumer progress)
      throws ImageException {
    ThreadFactory threads = Thread.ofVirtual().name("download-", 0).factory();
    ExecutorService pool = Executors.newFixedThreadPool(CONNECTIONS, threads);
    try {
      ExecutorCompletionService<Object> results = new ExecutorCompletionService<>(pool);
      List<Future<Object>> started = new ArrayList<>();
      for (Job job : jobs) {
        started.add(
            results.submit(
                () -> {
                  one(fetcher, job, progress);
                  return job;
                }));
      }
      for (int i = 0; i < started.size(); i++) {
        Object _ = results.take().get();
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ImageException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ImageException("The download was interrupted.", e);
    } finally {
      pool.shutdownNow();
      pool.close();
    }
  }

  private static void one(Fetcher fetcher, Job job, LongConsumer progress) throws ImageException {
    AtomicLong have = new AtomicLong();
    fetcher.file(
        job.addresses(),
        job.target(),
        job.sha256(),
        job.size(),
        now -> progress.accept(now - have.getAndSet(now)));
    job.done().run();
  }
}
