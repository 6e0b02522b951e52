package dev.fettle.plan;

import dev.fettle.plan.Work.Moments;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// What trained parameters take: float32 values and gradients, a copy to compute with, and the
/// optimizer's moments.
///
/// @param parameters trained values
/// @param compute dtype they are used in
record TrainedMemory(long parameters, DType compute, Moments moments) {
  /// Bytes of one 8-bit moment with its share of the scale of 256.
  private static final double EIGHT_BIT = 1 + 4.0 / 256;

  /// Elements that the optimizer and the gradient's norm take at a time.
  private static final long CHUNK = 1L << 24;

  /// @param what is trained: `adapter` or `weights`
  List<Part> parts(String what) {
    List<Part> parts = new ArrayList<>();
    parts.add(new Part(what, parameters * DType.F32.bytes(), "float32 values"));
    if (compute != DType.F32) {
      parts.add(
          new Part(
              what + " in " + compute.torchName(),
              parameters * compute.bytes(),
              "the copy that is computed with"));
    }
    parts.add(new Part("gradients", parameters * DType.F32.bytes(), "float32"));
    parts.add(
        switch (moments) {
          case FLOAT32 ->
              new Part("optimizer", 2 * parameters * DType.F32.bytes(), "AdamW, two float32");
          case EIGHT_BIT ->
              new Part("optimizer", (long) (2 * parameters * EIGHT_BIT), "AdamW, two of 8 bits");
        });
    return parts;
  }

  /// What an optimizer step takes beside them.
  Part step() {
    return new Part(
        "optimizer's step", Math.min(parameters, CHUNK) * DType.F32.bytes(), "one run of numbers");
  }
}
