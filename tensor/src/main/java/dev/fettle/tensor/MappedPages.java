package dev.fettle.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Gives the pages of a mapped file back after they were read, so that walking once through a large
/// file does not make the process look, and on a full machine be, as large as the file.
public final class MappedPages {
  private static final int MADV_DONTNEED = 4;
  private static final long PAGE = 4096;
  private static final @Nullable MethodHandle MADVISE = find();

  private MappedPages() {}

  /// Drops the whole pages inside `segment` from this process. The data stays: it is read from the
  /// file again when it is touched. Nothing happens for memory that is not a mapped file, or on
  /// systems without `madvise`.
  public static void release(MemorySegment segment) {
    if (MADVISE == null || !segment.isMapped() || !segment.isReadOnly()) {
      return;
    }
    long start = Math.ceilDiv(segment.address(), PAGE) * PAGE;
    long end = (segment.address() + segment.byteSize()) / PAGE * PAGE;
    if (start >= end) {
      return;
    }
    try {
      int advisory =
          (int) MADVISE.invokeExact(MemorySegment.ofAddress(start), end - start, MADV_DONTNEED);
      if (advisory != 0) {
        System.getLogger(MappedPages.class.getName())
            .log(System.Logger.Level.DEBUG, "madvise was refused; the pages stay resident");
      }
    } catch (Throwable e) {
      throw new IllegalStateException("madvise failed", e);
    }
  }

  private static @Nullable MethodHandle find() {
    if (!System.getProperty("os.name").startsWith("Linux")) {
      return null;
    }
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> symbol = linker.defaultLookup().find("madvise");
    return symbol
        .map(address ->
            linker.downcallHandle(
                address,
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT)))
        .orElse(null);
  }
}
