package dev.fettle.quantize;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// What quantizing a checkpoint did.
///
/// @param scheme the number format
/// @param bitsPerWeight over all tensors of the checkpoint
/// @param bitsPerQuantizedWeight over the quantized tensors only
/// @param seconds wall-clock time
/// @param inputBytes size of all tensors before
/// @param outputBytes size of all tensors after
/// @param parameters number of weights in the checkpoint
/// @param tensors the quantized tensors, in the order of writing
public record QuantizeReport(
    Scheme scheme,
    double bitsPerWeight,
    double bitsPerQuantizedWeight,
    double seconds,
    long inputBytes,
    long outputBytes,
    long parameters,
    List<TensorReport> tensors) {

  /// The scheme of all tensors, or if they differ each with the number of tensors that have it:
  /// `int4:sym:channel (20), int8:sym:channel (8)`.
  public String schemes() {
    Map<Scheme, Integer> counts = new LinkedHashMap<>();
    tensors.forEach(tensor -> counts.merge(tensor.scheme(), 1, Integer::sum));
    if (counts.size() < 2) {
      return (counts.isEmpty() ? scheme : counts.keySet().iterator().next()).toString();
    }
    return counts.entrySet().stream()
        .map(entry -> entry.getKey() + " (" + entry.getValue() + ")")
        .collect(Collectors.joining(", "));
  }
}
