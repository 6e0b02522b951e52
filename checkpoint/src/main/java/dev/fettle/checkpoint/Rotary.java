package dev.fettle.checkpoint;

import org.jspecify.annotations.Nullable;

/// Rotary position embeddings of a layer.
///
/// @param dims numbers of each head, from the first, that are rotated; the rest stays
/// @param theta base of the frequencies
/// @param scaling null for plain ones
public record Rotary(int dims, double theta, @Nullable RopeScaling scaling) {
  /// The length that the scaling reaches by itself, in tokens; 0 where the model's configuration
  /// says how long a text may be.
  double stretchedLength() {
    return switch (scaling) {
      case null -> 0;
      case RopeScaling.Linear _, RopeScaling.Llama3 _, RopeScaling.Longrope _ -> 0;
      case RopeScaling.Yarn yarn -> yarn.factor() * yarn.originalMaxPositionEmbeddings();
      case RopeScaling.Dynamic dynamic -> dynamic.factor() * dynamic.maxPositionEmbeddings();
    };
  }
}
