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
/// @param dropoutSeed seed of this micro-batch's dropout masks; dropout is off where the tape does
///   not record
record Pass(
    Tape tape, int batch, int length, int start, @Nullable KvCache cache, long dropoutSeed) {

  Pass with(Tape other) {
    return new Pass(other, batch, length, start, cache, dropoutSeed);
  }
}
