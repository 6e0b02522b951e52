package dev.fettle.quantize;

import dev.fettle.tensor.DType;

/// What is known of a packed weight before it is read.
///
/// @param scheme its number format
/// @param originalDtype dtype before quantization
public record PackedForm(Scheme scheme, DType originalDtype) {}
