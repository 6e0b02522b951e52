package dev.fettle.plan;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The weights of a model that is loaded to be computed with, none of them trained.
///
/// A weight that is stored in the compute dtype is used where its file is mapped and counts as soon
/// as it was read once; any other is converted into memory of its own.
///
/// @param compute float32 or bfloat16
/// @param base what the linear layers are quantized to while loading, or null
record LoadedWeights(ModelSpec model, DType compute, @Nullable Scheme base) {

  List<Part> parts() {
    List<Part> parts = new ArrayList<>();
    parts.add(linears());
    parts.add(table("embedding", model.embeddingBytes()));
    parts.add(table("output head", model.headBytes()));
    parts.add(scratch());
    return parts;
  }

  private Part linears() {
    if (model.packed()) {
      return new Part("linear layers", model.linearBytes(), "packed, as stored");
    }
    if (base != null) {
      return new Part(
          "linear layers",
          PackedBytes.of(model.architecture(), base, model.dtype()),
          "packed to " + base);
    }
    return plain("linear layers", model.linearBytes());
  }

  private Part plain(String name, long storedBytes) {
    if (model.dtype() == compute) {
      return new Part(name, storedBytes, compute.torchName() + ", pages of the mapped file");
    }
    return new Part(
        name,
        storedBytes / model.dtype().bytes() * compute.bytes(),
        "converted to " + compute.torchName());
  }

  private Part table(String name, long storedBytes) {
    return model.packedTables()
        ? new Part(name, storedBytes, "packed, pages of the mapped file")
        : plain(name, storedBytes);
  }

  /// Whether weights are dequantized before they are used.
  boolean isPacked() {
    return model.packed() || base != null;
  }

  private Part scratch() {
    long largest = 0;
    if (isPacked()) {
      largest = model.largestLinear();
    }
    if (model.packedTables()) {
      largest = Math.max(largest, model.tableWeights());
    }
    return new Part(
        "dequantization scratch",
        largest * compute.bytes(),
        "the largest layer in " + compute.torchName());
  }
}
