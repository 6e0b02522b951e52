package dev.fettle.plan;

import dev.fettle.checkpoint.LinearModule;
import dev.fettle.plan.Work.Rewriting;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// The memory of work that takes one tensor at a time from files to files.
final class FileMemory {
  /// Bytes of a tensor that are copied at a time.
  private static final long COPIED = 1L << 26;

  private FileMemory() {}

  static MemoryPlan of(ModelSpec model, Rewriting work) {
    List<Part> parts =
        new ArrayList<>(work.adapter() ? Baseline.withEngine(0) : Baseline.filesOnly());
    List<Part> linear = new ArrayList<>(parts);
    long largest = model.largestLinear();
    linear.add(new Part("one layer", largest * model.dtype().bytes(), "as it is stored"));
    Scheme scheme = work.scheme();
    if (scheme != null) {
      linear.add(new Part("the same, packed", packed(model, scheme), scheme.toString()));
    }
    if (work.adapter()) {
      linear.add(new Part("the same, with its update", 2 * largest * DType.F32.bytes(), "float32"));
    }
    List<Part> table = new ArrayList<>(parts);
    DType dtype = work.dtype();
    if (dtype == null || dtype == model.dtype()) {
      long chunk = Math.min(model.embeddingBytes(), COPIED);
      table.add(new Part("embedding", chunk, "copied in runs, pages of the mapped file"));
    } else {
      table.add(new Part("embedding", model.embeddingBytes(), "pages of the mapped file"));
      table.add(
          new Part(
              "the same in " + dtype.torchName(),
              model.tableWeights() * (dtype.bytes() + DType.F32.bytes()),
              "converted through float32"));
    }
    return new MemoryPlan(
        List.of(new Phase("embedding", table), new Phase("largest layer", linear)), false);
  }

  private static long packed(ModelSpec model, Scheme scheme) {
    return model.architecture().linears().stream()
        .max((a, b) -> Long.compare(a.weightShape().elements(), b.weightShape().elements()))
        .map((LinearModule module) -> PackedBytes.of(module, scheme, model.dtype()))
        .orElse(0L);
  }
}
