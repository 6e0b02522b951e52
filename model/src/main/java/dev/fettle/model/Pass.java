package dev.fettle.model;

import dev.fettle.engine.Tape;
import org.jspecify.annotations.Nullable;

/// What one run through the decoder needs to know besides the activations, which are `[batch ·
/// length, features]` throughout.
///
/// @param tape records the steps, or not
/// @param batch number of sequences
/// @param length tokens of each sequence in this run
/// @param start position of the first of them
/// @param cache keys and values of earlier positions, if this run continues a sequence
/// @param dropoutSeed seed of this micro-batch's dropout masks, also where a block runs a first
///   time without being recorded; null switches dropout off
/// @param starts per sequence the first positions of the documents packed into it, ascending from
///   0; null where each sequence is one document
record Pass(
    Tape tape,
    int batch,
    int length,
    int start,
    @Nullable KvCache cache,
    @Nullable Long dropoutSeed,
    int @Nullable [][] starts) {
  /// @throws IllegalArgumentException if the documents do not fit the sequences
  Pass {
    if (starts != null) {
      if (start != 0 || cache != null) {
        throw new IllegalArgumentException("packed documents cannot continue a sequence");
      }
      Documents.check(starts, batch, length);
    }
  }

  /// Rows from their first position on, nothing trained.
  static Pass inference(int batch, int length) {
    return new Pass(Tape.inference(), batch, length, 0, null, null, null);
  }

  Pass with(Tape other) {
    return new Pass(other, batch, length, start, cache, dropoutSeed, starts);
  }
}
