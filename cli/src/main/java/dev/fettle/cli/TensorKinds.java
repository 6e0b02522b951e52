package dev.fettle.cli;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// The tensors of a checkpoint as a person looks at them: in the order of the computation, those
/// that differ in their layer only in one row, and a quantized weight together with its scales.
final class TensorKinds {
  /// @param name with `*` for the layer
  /// @param count how many there are
  /// @param format dtype or quantization scheme
  /// @param bytes of all of them
  record Kind(String name, int count, String format, String shape, long bytes) {}

  private TensorKinds() {}

  static List<Kind> of(CheckpointFolder checkpoint, Architecture architecture) {
    Set<String> rest = new LinkedHashSet<>(checkpoint.infos().keySet());
    Map<String, Kind> kinds = new LinkedHashMap<>();
    Map<String, LinearModule> linears = new LinkedHashMap<>();
    architecture.linears().forEach(linear -> linears.put(linear.weightName(), linear));
    for (TensorInfo expected : architecture.tensors()) {
      LinearModule linear = linears.get(expected.name());
      if (linear != null && BitsAndBytesLayout.isQuantized(checkpoint, expected.name())) {
        add(kinds, quantized(checkpoint, linear, rest));
      } else {
        add(kinds, plain(checkpoint, expected.name(), rest));
      }
    }
    for (String name : List.copyOf(rest)) {
      add(kinds, plain(checkpoint, name, rest));
    }
    return new ArrayList<>(kinds.values());
  }

  private static Kind plain(CheckpointFolder checkpoint, String name, Set<String> rest) {
    rest.remove(name);
    TensorInfo info = Objects.requireNonNull(checkpoint.infos().get(name), name);
    return new Kind(name, 1, info.dtype().torchName(), info.shape().toString(), info.bytes());
  }

  private static Kind quantized(
      CheckpointFolder checkpoint, LinearModule linear, Set<String> rest) {
    long bytes = 0;
    for (TensorInfo info : checkpoint.infos().values()) {
      boolean own =
          info.name().startsWith(linear.name() + ".") && !info.name().equals(linear.biasName());
      if (own && rest.remove(info.name())) {
        bytes += info.bytes();
      }
    }
    String scheme = BitsAndBytesLayout.read(checkpoint, linear.weightName()).scheme().toString();
    return new Kind(linear.weightName(), 1, scheme, linear.weightShape().toString(), bytes);
  }

  private static void add(Map<String, Kind> kinds, Kind one) {
    String name = one.name.replaceAll("\\.\\d+\\.", ".*.");
    kinds.merge(
        name + one.format + one.shape,
        new Kind(name, one.count, one.format, one.shape, one.bytes),
        (a, b) -> new Kind(name, a.count + b.count, a.format, a.shape, a.bytes + b.bytes));
  }
}
