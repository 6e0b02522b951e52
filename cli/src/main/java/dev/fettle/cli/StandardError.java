package dev.fettle.cli;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Gives the process its own standard error back.
///
/// The launcher starts the JVM with a filter on descriptor 2, which drops the line `WARNING: Using
/// incubator modules` that no JVM option can suppress, and with the real standard error on another
/// descriptor. When our code runs, that one takes the place of the filter, so that colours,
/// progress lines and the messages of native code reach the terminal unfiltered.
final class StandardError {
  /// Set by the launcher: the descriptor that holds the real standard error.
  private static final String PROPERTY = "fettle.stderr.descriptor";

  private static final int STDERR = 2;

  private StandardError() {}

  static void restore() {
    Integer descriptor = Integer.getInteger(PROPERTY);
    if (descriptor == null) {
      return; // not started by the launcher
    }
    try {
      int _ = (int) posix("dup2", JAVA_INT, JAVA_INT).invokeExact(descriptor.intValue(), STDERR);
      int _ = (int) posix("close", JAVA_INT).invokeExact(descriptor.intValue());
    } catch (Throwable e) {
      throw new IllegalStateException("cannot restore standard error", e);
    }
  }

  private static MethodHandle posix(String name, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    MemorySegment function = linker.defaultLookup().findOrThrow(name);
    return linker.downcallHandle(function, FunctionDescriptor.of(JAVA_INT, arguments));
  }
}
