package dev.fettle.quantize;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.SegmentAllocator;
import java.util.LinkedHashMap;
import java.util.Map;

/// Lets another quantizer decide and keeps [WeightDetails] of every layer it quantizes: about a
/// kilobyte each.
public final class WeightRecorder implements WeightQuantizer {
  private final WeightQuantizer inner;
  private final Map<String, WeightDetails> details = new LinkedHashMap<>();

  public WeightRecorder(WeightQuantizer inner) {
    this.inner = inner;
  }

  @Override
  public QuantizedTensor quantize(
      String module, HostTensor weight, Scheme scheme, SegmentAllocator allocator) {
    long start = System.nanoTime();
    QuantizedTensor quantized = inner.quantize(module, weight, scheme, allocator);
    double seconds = (System.nanoTime() - start) / 1e9;
    details.put(module, WeightDetails.of(module, weight, quantized, seconds));
    return quantized;
  }

  /// Says how long a layer really took, where the inner quantizer only handed it on.
  public void took(String module, double seconds) {
    details.computeIfPresent(module, (_, found) -> found.withSeconds(seconds));
  }

  /// By the layer's full path, in the order of quantizing.
  public Map<String, WeightDetails> details() {
    return Map.copyOf(details);
  }
}
