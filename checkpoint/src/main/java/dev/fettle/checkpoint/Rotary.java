package dev.fettle.checkpoint;

import org.jspecify.annotations.Nullable;

/// Rotary position embeddings of a layer.
///
/// @param dims numbers of each head, from the first, that are rotated; the rest stays
/// @param theta base of the frequencies
/// @param scaling null for plain ones
public record Rotary(int dims, double theta, @Nullable RopeScaling scaling) {}
