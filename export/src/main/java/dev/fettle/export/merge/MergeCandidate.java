package dev.fettle.export.merge;

import dev.fettle.evaluate.KlDistribution;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One way of merging, done and measured.
///
/// @param target into what
/// @param folder where the result is
/// @param bytes of its tensors
/// @param layers what is left of the adapter, tensor by tensor
/// @param kl divergence of its predictions from those of base and adapter side by side; null if no
///   text was given
public record MergeCandidate(
    MergeTarget target,
    Path folder,
    long bytes,
    List<DeltaSurvival> layers,
    @Nullable KlDistribution kl) {
  public MergeCandidate {
    layers = List.copyOf(layers);
  }

  /// Over all changed tensors together: the root of the summed squared errors over that of the
  /// summed squared changes.
  public double lost() {
    double errors = layers.stream().mapToDouble(layer -> layer.error() * layer.error()).sum();
    double deltas = layers.stream().mapToDouble(layer -> layer.delta() * layer.delta()).sum();
    return errors == 0 ? 0 : Math.sqrt(errors / deltas);
  }
}
