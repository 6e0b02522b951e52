package dev.fettle.checkpoint.hub;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// `flock(2)` of Linux and macOS. Java's own file locks are `fcntl` locks there, which a process
/// that uses `flock`, such as Python's `filelock`, does not see.
final class Flock implements AutoCloseable {
  private static final int O_RDWR = 2;
  private static final int LOCK_EX = 2;
  private static final int LOCK_NB = 4;
  private static final int EINTR = 4;
  private static final int EWOULDBLOCK_LINUX = 11;
  private static final int EWOULDBLOCK_MAC = 35;
  private static final StructLayout STATE = Linker.Option.captureStateLayout();

  /// What became of an attempt.
  enum Outcome {
    LOCKED,
    BUSY,
    UNSUPPORTED
  }

  private final int descriptor;

  private Flock(int descriptor) {
    this.descriptor = descriptor;
  }

  static boolean isAvailable() {
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    return (system.contains("linux") || system.contains("mac"))
        && Flock.class.getModule().isNativeAccessEnabled();
  }

  /// Opens the file, which is made if it is not there; null if the system call fails.
  static @Nullable Flock open(Path file) throws IOException {
    if (!Files.exists(file)) {
      Files.newByteChannel(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE).close();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment path = arena.allocateFrom(file.toAbsolutePath().toString());
      int descriptor = (int) function("open", ADDRESS, JAVA_INT).invokeExact(path, O_RDWR);
      return descriptor < 0 ? null : new Flock(descriptor);
    } catch (Throwable e) {
      throw failed("open", e);
    }
  }

  Outcome tryLock() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      MethodHandle flock =
          Linker.nativeLinker()
              .downcallHandle(
                  Linker.nativeLinker().defaultLookup().findOrThrow("flock"),
                  FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT),
                  Linker.Option.captureCallState("errno"));
      while (true) {
        int result = (int) flock.invokeExact(state, descriptor, LOCK_EX | LOCK_NB);
        if (result == 0) {
          return Outcome.LOCKED;
        }
        int errno =
            state.get(JAVA_INT, STATE.byteOffset(MemoryLayout.PathElement.groupElement("errno")));
        if (errno != EINTR) {
          boolean busy = errno == EWOULDBLOCK_LINUX || errno == EWOULDBLOCK_MAC;
          return busy ? Outcome.BUSY : Outcome.UNSUPPORTED;
        }
      }
    } catch (Throwable e) {
      throw failed("flock", e);
    }
  }

  @Override
  public void close() {
    try {
      int _ = (int) function("close", JAVA_INT).invokeExact(descriptor);
    } catch (Throwable e) {
      throw new IllegalStateException("close", e);
    }
  }

  private static MethodHandle function(String name, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(JAVA_INT, arguments));
  }

  private static IOException failed(String name, Throwable e) {
    return new IOException(name + " failed: " + e.getMessage(), e);
  }
}
