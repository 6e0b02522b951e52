package dev.fettle.cli;

import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.CheckpointInspection;
import dev.fettle.quantize.StoredWeight;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The weights of a checkpoint as a person looks at them: in the order of the computation, those
/// that differ in their layer only in one row.
final class TensorKinds {
  /// @param name with `*` for the layer
  /// @param count how many there are
  /// @param format dtype or quantization scheme
  /// @param bytes of all of them
  record Kind(String name, int count, String format, String shape, long bytes) {}

  private TensorKinds() {}

  static List<Kind> of(CheckpointInspection inspection) {
    Map<String, StoredWeight> rest = new LinkedHashMap<>();
    inspection.weights().forEach(weight -> rest.put(weight.name(), weight));
    List<StoredWeight> ordered = new ArrayList<>();
    for (TensorInfo expected : inspection.architecture().tensors()) {
      StoredWeight weight = rest.remove(expected.name());
      if (weight != null) {
        ordered.add(weight);
      }
    }
    ordered.addAll(rest.values());
    return group(ordered);
  }

  private static List<Kind> group(List<StoredWeight> weights) {
    Map<String, Kind> kinds = new LinkedHashMap<>();
    for (StoredWeight weight : weights) {
      String name = weight.name().replaceAll("\\.\\d+\\.", ".*.");
      Kind one = new Kind(name, 1, weight.format(), weight.shape().toString(), weight.bytes());
      kinds.merge(
          name + one.format + one.shape,
          one,
          (a, b) -> new Kind(name, a.count + 1, a.format, a.shape, a.bytes + b.bytes));
    }
    return List.copyOf(kinds.values());
  }
}
