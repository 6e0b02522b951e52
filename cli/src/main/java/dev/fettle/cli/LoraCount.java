package dev.fettle.cli;

import dev.fettle.checkpoint.LinearModule;
import dev.fettle.lora.TargetModules;
import dev.fettle.quantize.CheckpointInspection;
import dev.fettle.tensor.UserException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What LoRA of a rank would train: `r · (in + out)` parameters per target layer.
///
/// @param modules adapted layers
/// @param parameters trained values in them
record LoraCount(int rank, TargetModules targets, int modules, long parameters) {
  /// @throws UserException if the targets match no layer, or the rank is larger than a layer
  static LoraCount of(int rank, TargetModules targets, List<LinearModule> linears) {
    if (rank < 1) {
      throw new UserException("--lora-r must be 1 or more, not " + rank + ".");
    }
    Set<String> selected =
        new HashSet<>(targets.select(linears.stream().map(LinearModule::name).toList()));
    List<LinearModule> adapted =
        linears.stream().filter(linear -> selected.contains(linear.name())).toList();
    for (LinearModule linear : adapted) {
      int smaller = Math.min(linear.inFeatures(), linear.outFeatures());
      if (rank > smaller) {
        throw new UserException(
            "--lora-r %d is larger than %s, which is %d × %d; choose at most %d."
                .formatted(
                    rank, linear.name(), linear.outFeatures(), linear.inFeatures(), smaller));
      }
    }
    long parameters = CheckpointInspection.loraParameters(adapted, rank);
    return new LoraCount(rank, targets, adapted.size(), parameters);
  }
}
