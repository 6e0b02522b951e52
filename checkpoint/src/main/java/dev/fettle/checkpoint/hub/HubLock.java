package dev.fettle.checkpoint.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The lock beside a file of the cache, so that two processes do not download it at once. It is the
/// one that `huggingface_hub` takes: `flock` where there is one ([Flock]), a region of the file on
/// Windows. The lock file stays behind, as Python leaves it.
///
/// Correctness does not hang on it, because contents are verified and moved into place; where a
/// file system has no locks, work may be done twice.
final class HubLock implements AutoCloseable {
  private static final Duration LOOK_AGAIN = Duration.ofMillis(200);
  private static final int LOOKS_BEFORE_NOTE = 10;

  private final @Nullable Flock flock;
  private final @Nullable FileChannel channel;

  private HubLock(@Nullable Flock flock, @Nullable FileChannel channel) {
    this.flock = flock;
    this.channel = channel;
  }

  /// Waits until it is free.
  ///
  /// @param what is downloaded under it, for the note
  /// @param pause between two looks; what it throws ends the wait
  static HubLock acquire(Path file, String what, Pause pause, Consumer<String> note) {
    try {
      Files.createDirectories(file.getParent());
      for (int looks = 1; ; looks++) {
        @Nullable HubLock lock = tryAcquire(file);
        if (lock != null) {
          return lock;
        }
        if (looks == LOOKS_BEFORE_NOTE) {
          note.accept(what + ": waiting for another process that downloads it");
        }
        pause.sleep(LOOK_AGAIN);
      }
    } catch (IOException e) {
      throw PartFile.cannotWrite(file, e);
    }
  }

  private static @Nullable HubLock tryAcquire(Path file) throws IOException {
    if (Flock.isAvailable()) {
      @Nullable Flock flock = Flock.open(file);
      if (flock != null) {
        return switch (flock.tryLock()) {
          case LOCKED, UNSUPPORTED -> new HubLock(flock, null);
          case BUSY -> {
            flock.close();
            yield null;
          }
        };
      }
    }
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      @Nullable FileLock lock = channel.tryLock(0, 1, false);
      if (lock != null) {
        return new HubLock(null, channel);
      }
    } catch (OverlappingFileLockException e) {
      // another thread of this process has it
    }
    channel.close();
    return null;
  }

  @Override
  public void close() {
    if (flock != null) {
      flock.close();
    }
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // the lock ends with the process at the latest
      }
    }
  }
}
