package dev.fettle.quantize;

import java.util.List;

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
    List<TensorReport> tensors) {}
