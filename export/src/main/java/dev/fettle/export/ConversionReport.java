package dev.fettle.export;

import java.nio.file.Path;
import java.util.List;

/// What a conversion did.
///
/// @param output the folder or file written
/// @param inputBytes of all tensors before
/// @param outputBytes of all tensors after
/// @param seconds wall-clock time
/// @param tensors those that are quantized before or after, or changed their dtype; the others are
///   copied
/// @param notes sentences about what the target understands differently; usually none
public record ConversionReport(
    Path output,
    long inputBytes,
    long outputBytes,
    double seconds,
    List<ConvertedTensor> tensors,
    List<String> notes) {
  public ConversionReport {
    tensors = List.copyOf(tensors);
    notes = List.copyOf(notes);
  }

  /// Whether every number of the model is the same as before.
  public boolean exact() {
    return tensors.stream().allMatch(ConvertedTensor::exact);
  }

  /// How many tensors are not exact.
  public long inexact() {
    return tensors.stream().filter(tensor -> !tensor.exact()).count();
  }

  /// The lowest signal to quantization noise of a tensor in decibels; infinite if all are exact.
  public double worstSqnrDb() {
    return tensors.stream()
        .mapToDouble(tensor -> tensor.error().sqnrDb())
        .min()
        .orElse(Double.POSITIVE_INFINITY);
  }
}
