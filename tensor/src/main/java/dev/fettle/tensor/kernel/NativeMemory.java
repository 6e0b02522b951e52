package dev.fettle.tensor.kernel;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Native memory by address, for the inner loops of vector kernels.
///
/// A load or store of a vector becomes one instruction only if the compiler knows that its segment
/// is native. From the call's profile it often does not, because vectors themselves use heap
/// segments until they are compiled; then every vector is an object on the heap and a kernel
/// several times slower. A constant segment is always known.
///
/// There are no bounds here. A kernel takes addresses once, with the size it will touch, and keeps
/// the segments reachable until it is done.
public final class NativeMemory {
  /// All addresses.
  public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private NativeMemory() {}

  /// The address of a native segment that holds at least `bytes` and is alive.
  ///
  /// @throws IndexOutOfBoundsException if it is smaller
  /// @throws IllegalArgumentException if it is on the heap
  public static long address(MemorySegment segment, long bytes) {
    Objects.checkFromIndexSize(0, bytes, segment.byteSize());
    if (!segment.isNative()) {
      throw new IllegalArgumentException("a segment on the heap has no address");
    }
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("the segment is closed");
    }
    return segment.address();
  }
}
