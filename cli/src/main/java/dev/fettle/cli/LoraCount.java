package dev.fettle.cli;

import dev.fettle.lora.AdapterPart;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.tensor.UserException;

/// What an adapter would train: `r · (in + out)` parameters per target layer, and whatever else its
/// configuration asks for.
///
/// @param modules adapted layers
/// @param parameters trained values in all
record LoraCount(int rank, TargetModules targets, int modules, long parameters) {
  /// @throws UserException if a rank is larger than a layer
  static LoraCount of(LoraConfig config, AdapterPlan plan) {
    for (AdapterPart.LowRank part : plan.lowRanks()) {
      long smaller = Math.min(part.in(), part.out());
      if (part.rank() > smaller) {
        throw new UserException(
            "--lora-r %d is larger than %s, which is %d × %d; choose at most %d."
                .formatted(part.rank(), part.path(), part.out(), part.in(), smaller));
      }
    }
    return new LoraCount(
        config.r(), config.targetModules(), plan.lowRanks().size(), plan.parameterCount());
  }
}
