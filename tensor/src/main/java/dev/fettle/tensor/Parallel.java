package dev.fettle.tensor;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// Splits a range of numbers over the processors and waits for all parts.
///
/// The helpers are daemon threads that live as long as the program, one less than there are
/// processors; the caller works too. Parts are handed out as threads become free, so a part's
/// result must not depend on which thread runs it or when. Nested calls are allowed.
public final class Parallel {
  private static final int HELPERS = Runtime.getRuntime().availableProcessors() - 1;
  private static final @Nullable ExecutorService POOL =
      HELPERS == 0
          ? null
          : Executors.newFixedThreadPool(
              HELPERS, Thread.ofPlatform().daemon().name("fettle-", 0).factory());

  private Parallel() {}

  /// Work on the numbers `from` (inclusive) to `to` (exclusive).
  @FunctionalInterface
  public interface RangeTask {
    void run(long from, long to);
  }

  /// Runs `task` on consecutive parts of `0 … count`, each of `grain` numbers except the last.
  ///
  /// @throws RuntimeException or Error as the first failing part threw it, after all parts stopped
  public static void forRange(long count, long grain, RangeTask task) {
    if (grain <= 0) {
      throw new IllegalArgumentException("grain " + grain);
    }
    long parts = count / grain + (count % grain == 0 ? 0 : 1);
    if (POOL == null || parts <= 1) {
      for (long part = 0; part < parts; part++) {
        task.run(part * grain, Math.min(count, (part + 1) * grain));
      }
      return;
    }
    Job job = new Job(count, grain, parts, task);
    int helpers = (int) Math.min(HELPERS, parts - 1);
    for (int i = 0; i < helpers; i++) {
      POOL.execute(job::work);
    }
    job.work();
    job.await();
  }

  private static final class Job {
    private final long count;
    private final long grain;
    private final long parts;
    private final RangeTask task;
    private final AtomicLong next = new AtomicLong();
    private final AtomicLong unfinished;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final Semaphore done = new Semaphore(0);

    Job(long count, long grain, long parts, RangeTask task) {
      this.count = count;
      this.grain = grain;
      this.parts = parts;
      this.task = task;
      this.unfinished = new AtomicLong(parts);
    }

    void work() {
      for (long part = next.getAndIncrement(); part < parts; part = next.getAndIncrement()) {
        try {
          if (failure.get() == null) {
            task.run(part * grain, Math.min(count, (part + 1) * grain));
          }
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        } finally {
          if (unfinished.decrementAndGet() == 0) {
            done.release();
          }
        }
      }
    }

    void await() {
      done.acquireUninterruptibly();
      switch (failure.get()) {
        case null -> {}
        case Error e -> throw e;
        case RuntimeException e -> throw e;
        case Throwable e -> throw new IllegalStateException(e);
      }
    }
  }
}
