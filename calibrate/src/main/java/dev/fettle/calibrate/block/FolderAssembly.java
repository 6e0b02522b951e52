package dev.fettle.calibrate.block;

import dev.fettle.calibrate.block.BlockResult.Fold;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// Writes the finished blocks as a model folder.
final class FolderAssembly {
  private final BlockwiseQuantizer.Request request;
  private final Map<String, Scheme.Affine> schemes;
  private final WorkFolder work;
  private final List<StoredBlock> blocks = new ArrayList<>();

  FolderAssembly(
      BlockwiseQuantizer.Request request, Map<String, Scheme.Affine> schemes, WorkFolder work) {
    this.request = request;
    this.schemes = schemes;
    this.work = work;
  }

  /// @param start {@link System#nanoTime} when the run began
  /// @param around sees each weight and what became of it
  BlockwiseReport write(long start, UnaryOperator<WeightQuantizer> around) {
    try {
      for (int i = 0; i < work.finished(); i++) {
        blocks.add(work.stored(i, schemes));
      }
      QuantizeReport report =
          CheckpointQuantizer.quantize(
              request.model(),
              request.output(),
              options(),
              around.apply(this::weight),
              this::transform,
              tensor -> {});
      List<LayerReport> layers = work.reports();
      work.delete();
      return new BlockwiseReport(report, layers, (System.nanoTime() - start) / 1e9);
    } finally {
      blocks.forEach(StoredBlock::close);
    }
  }

  private QuantizeOptions options() {
    Map<String, AffineParameters> inputs = new HashMap<>();
    blocks.forEach(block -> inputs.putAll(block.inputs()));
    return inputs.isEmpty()
        ? request.options()
        : request.options().withActivations(request.options().activations(), inputs);
  }

  private AffineTensor weight(
      String module, HostTensor weight, Scheme scheme, SegmentAllocator allocator) {
    for (StoredBlock block : blocks) {
      AffineTensor stored = block.weight(module, weight.dtype());
      if (stored != null) {
        return stored;
      }
    }
    throw new IllegalStateException("no finished block holds " + module);
  }

  /// Changed norms and biases, and weights as they were when they were quantized (rounded to their
  /// dtype).
  private HostTensor transform(String name, HostTensor tensor, SegmentAllocator allocator) {
    for (StoredBlock block : blocks) {
      HostTensor plain = block.plain(name);
      if (plain != null) {
        return plain;
      }
      @Nullable Fold fold =
          name.endsWith(".weight") ? block.fold(name.substring(0, name.length() - 7)) : null;
      if (fold != null) {
        return folded(tensor, fold, allocator);
      }
    }
    return tensor;
  }

  private static HostTensor folded(HostTensor tensor, Fold fold, SegmentAllocator allocator) {
    MemorySegment floats = allocator.allocate(4 * tensor.elements(), 64);
    Casts.toFloat(tensor, floats);
    int columns = fold.columns().length;
    for (int row = 0; row < fold.rows().length; row++) {
      for (int column = 0; column < columns; column++) {
        long at = 4 * ((long) row * columns + column);
        float value = floats.get(HostTensor.F32_LAYOUT, at);
        floats.set(HostTensor.F32_LAYOUT, at, value * fold.rows()[row] * fold.columns()[column]);
      }
    }
    if (tensor.dtype() == DType.F32) {
      return new HostTensor(DType.F32, tensor.shape(), floats);
    }
    MemorySegment out = allocator.allocate(tensor.byteSize(), 64);
    Casts.fromFloat(floats, tensor.elements(), tensor.dtype(), out);
    return new HostTensor(tensor.dtype(), tensor.shape(), out);
  }
}
