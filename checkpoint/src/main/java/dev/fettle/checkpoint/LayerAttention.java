package dev.fettle.checkpoint;

import org.jspecify.annotations.Nullable;

/// How one layer of a decoder attends.
///
/// @param window tokens a query sees, itself included: those at a distance below the window; null
///   for all before it
/// @param rotary null for a layer that does not know positions
public record LayerAttention(@Nullable Integer window, @Nullable Rotary rotary) {
  /// New positions that fit a cache at least before old ones are dropped.
  public static final int CACHE_ROOM = 256;

  /// Positions that a cache of keys and values has room for in this layer: all of the text, or with
  /// a window, the window and as much again before old positions are dropped.
  ///
  /// @param capacity positions of the text
  /// @param room new positions that fit at least before old ones are dropped
  public long cachedPositions(long capacity, int room) {
    return window == null ? capacity : Math.min(capacity, window + (long) Math.max(window, room));
  }
}
