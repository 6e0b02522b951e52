package dev.fettle.fuzz;

import com.sun.management.ThreadMXBean;
import dev.fettle.tensor.UserException;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/// What every parser promises, whatever is in a file: it works, or it says in one sentence why not;
/// it takes memory and time in proportion to the file.
final class HostileInput {
  /// What reading any file may cost beyond its size: classes, tables, regular expressions,
  /// messages.
  private static final long CONSTANT_BYTES = 8 << 20;

  /// Three bytes of JSON, such as `[],`, become an object with a list of ten.
  private static final long BYTES_PER_BYTE = 400;

  /// Of processor time, which a busy machine does not stretch; far above what a sound input takes.
  private static final Duration LONGEST = Duration.ofSeconds(20);

  private static final int LONGEST_SENTENCE = 12_100;

  private HostileInput() {}

  /// @param size bytes of the input
  /// @throws AssertionError if the promise is broken
  static void check(long size, Runnable parse) {
    long start = processorNanos();
    long before = allocated();
    try {
      parse.run();
    } catch (UserException e) {
      checkSentence(String.valueOf(e.getMessage()));
    } catch (OutOfMemoryError | StackOverflowError e) { // would end the whole run
      throw new AssertionError("an input of " + size + " bytes led to " + e, e);
    }
    long bytes = allocated() - before;
    if (bytes > CONSTANT_BYTES + BYTES_PER_BYTE * size && !isFuzzing()) {
      throw new AssertionError(bytes + " bytes allocated for an input of " + size);
    }
    Duration time = Duration.ofNanos(processorNanos() - start);
    if (time.compareTo(LONGEST) > 0) {
      throw new AssertionError("an input of " + size + " bytes took " + time);
    }
  }

  /// The fuzzer rewrites classes on the thread that first uses them; there a small heap is the
  /// limit.
  private static boolean isFuzzing() {
    return System.getenv("JAZZER_FUZZ") != null;
  }

  private static long allocated() {
    if (ManagementFactory.getThreadMXBean() instanceof ThreadMXBean threads) {
      return threads.getCurrentThreadAllocatedBytes();
    }
    throw new AssertionError("this JVM does not count allocated bytes");
  }

  private static long processorNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static void checkSentence(String message) {
    if (message.isBlank() || message.length() > LONGEST_SENTENCE || message.contains("\n")) {
      throw new AssertionError("not one sentence: " + message);
    }
  }
}
