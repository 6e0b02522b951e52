package dev.fettle.quantize;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/// What a model folder holds, quantized or not.
///
/// @param architecture what its `config.json` demands
/// @param weights every weight, in the order of the files
public record CheckpointInspection(Architecture architecture, List<StoredWeight> weights) {

  /// Looks at names and shapes only; of quantized weights also at their descriptions.
  ///
  /// @throws UserException if a weight is missing or has another shape than `config.json` demands,
  ///   or the architecture is not supported
  public static CheckpointInspection of(Checkpoint folder) {
    Architecture architecture = Architecture.of(folder.config());
    UnpackedCheckpoint unpacked = UnpackedCheckpoint.of(folder);
    architecture.check(folder, unpacked::isPacked, folder.path().toString());
    List<StoredWeight> weights = new ArrayList<>();
    for (TensorInfo info : unpacked.infos().values()) {
      PackedForm packed = unpacked.form(info.name());
      weights.add(
          new StoredWeight(
              info.name(),
              info.shape(),
              info.dtype(),
              packed == null ? null : packed.scheme(),
              unpacked.storedBytes(info.name())));
    }
    return new CheckpointInspection(architecture, List.copyOf(weights));
  }

  /// Number of parameters stored, packed ones counted one by one.
  public long parameters() {
    return weights.stream().mapToLong(StoredWeight::parameters).sum();
  }

  /// Bytes of all tensors.
  public long bytes() {
    return weights.stream().mapToLong(StoredWeight::bytes).sum();
  }

  /// Over all weights: `8 · bytes / parameters`.
  public double bitsPerWeight() {
    return 8.0 * bytes() / parameters();
  }

  /// Trainable parameters of LoRA at rank `r` on these layers: r · (in + out) each. Source: Hu et
  /// al., LoRA (arXiv:2106.09685), section 4.1.
  public static long loraParameters(Collection<LinearModule> targets, int rank) {
    return targets.stream()
        .mapToLong(target -> (long) rank * (target.inFeatures() + target.outFeatures()))
        .sum();
  }
}
