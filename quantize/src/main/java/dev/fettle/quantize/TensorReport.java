package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;

/// One quantized weight.
///
/// @param scheme what it was quantized to
/// @param inputBytes size before
/// @param outputBytes size after, with scales and everything else stored for it
/// @param bitsPerWeight `8 * outputBytes / elements`
public record TensorReport(
    String name,
    Shape shape,
    DType dtype,
    Scheme scheme,
    long inputBytes,
    long outputBytes,
    double bitsPerWeight,
    TensorError error) {}
