package dev.fettle.quantize;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

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
    QuantizedWeights packed = QuantizedWeights.of(folder);
    architecture.check(folder, packed::isQuantized, folder.path().toString());
    List<StoredWeight> weights = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (LinearModule linear : architecture.linears()) {
      if (packed.isQuantized(linear.weightName())) {
        weights.add(quantized(folder, packed, linear, seen));
      }
    }
    for (TensorInfo info : folder.infos().values()) {
      if (!seen.contains(info.name())) {
        weights.add(new StoredWeight(info.name(), info.shape(), info.dtype(), null, info.bytes()));
      }
    }
    return new CheckpointInspection(architecture, List.copyOf(weights));
  }

  private static StoredWeight quantized(
      Checkpoint folder, QuantizedWeights packed, LinearModule linear, Set<String> seen) {
    String name = linear.weightName();
    QuantizedTensor tensor = packed.read(linear);
    String stored = folder.infos().containsKey(name) ? name : packed.parts(name).getFirst();
    long bytes = 0;
    for (String part : packed.parts(name)) {
      bytes += info(folder, part).bytes();
      seen.add(part);
    }
    return new StoredWeight(
        name, tensor.shape(), info(folder, stored).dtype(), tensor.scheme(), bytes);
  }

  private static TensorInfo info(Checkpoint folder, String name) {
    return Objects.requireNonNull(folder.infos().get(name), name);
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
