package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Adds an adapter to the weights of its base, `W' = W + scale · B · A`, or takes it out again, one
/// tensor at a time.
///
/// The sum is taken in float64 and rounded to the stored dtype. The update is therefore the same
/// number in both directions, and taking it out gives back the very bits of `W` wherever `W'` lies
/// in the same power of two or a lower one; elsewhere the last bits that `W'` could not hold are
/// lost.
public final class Merge {
  private final Checkpoint base;
  private final AdapterFolder adapter;
  private final @Nullable DType dtype;
  private final double sign;
  private final Set<String> targets;
  private final QuantizedWeights packed;

  private Merge(Checkpoint base, AdapterFolder adapter, @Nullable DType dtype, boolean unmerge) {
    this.base = base;
    this.adapter = adapter;
    this.dtype = dtype;
    this.sign = unmerge ? -1 : 1;
    this.packed = QuantizedWeights.of(base);
    List<String> paths =
        Architecture.of(base.config()).linears().stream().map(LinearModule::name).toList();
    this.targets = new HashSet<>(adapter.config().targetModules().select(paths));
  }

  /// @param model folder of the base; quantized weights are dequantized
  /// @param adapter folder of the adapter
  /// @param output the folder to make
  /// @param dtype of the merged weights (F32, F16 or BF16); null keeps each tensor's own
  /// @param unmerge subtracts the adapter instead
  /// @param onTensor is told each tensor as it is written
  /// @throws dev.fettle.tensor.UserException if the adapter does not fit or the output is in use
  public static MergeReport run(
      Path model,
      Path adapter,
      Path output,
      @Nullable DType dtype,
      boolean unmerge,
      MergeListener onTensor) {
    try (Checkpoint base = Checkpoint.open(model);
        AdapterFolder lora = AdapterFolder.open(adapter)) {
      return new Merge(base, lora, dtype, unmerge).write(output, onTensor);
    }
  }

  /// Told about progress.
  public interface MergeListener {
    void tensor(int index, int total, String name);
  }

  /// @param tensors written in all
  /// @param mergedLayers layers that the adapter changed
  /// @param bytes of the weights written
  public record MergeReport(int tensors, int mergedLayers, long bytes, Path output) {}

  private MergeReport write(Path output, MergeListener onTensor) {
    ObjectNode config = base.configJson();
    config.remove("quantization_config");
    config.remove("fettle");
    List<TensorInfo> plan = plan();
    if (dtype != null) {
      config.put(config.has("dtype") ? "dtype" : "torch_dtype", dtype.torchName());
    }
    adapter.checkFits(Architecture.of(base.config()).linears());
    try (CheckpointWriter writer =
        CheckpointWriter.create(output, config, plan, base.companions())) {
      int merged = 0;
      for (int i = 0; i < plan.size(); i++) {
        TensorInfo info = plan.get(i);
        onTensor.tensor(i, plan.size(), info.name());
        merged += writeTensor(writer, info) ? 1 : 0;
      }
      writer.commit();
      return new MergeReport(
          plan.size(), merged, plan.stream().mapToLong(TensorInfo::bytes).sum(), output);
    }
  }

  /// The tensors of the unquantized checkpoint, in the dtype they will have.
  private List<TensorInfo> plan() {
    List<TensorInfo> plan = new ArrayList<>();
    for (TensorInfo expected : Architecture.of(base.config()).tensors()) {
      String name = expected.name();
      DType stored =
          packed.isQuantized(name)
              ? packed.read(name, expected.shape()).originalDtype()
              : base.tensor(name).dtype();
      plan.add(new TensorInfo(name, dtype == null ? stored : dtype, expected.shape()));
    }
    return plan;
  }

  /// @return whether the adapter changed it
  private boolean writeTensor(CheckpointWriter writer, TensorInfo info) {
    String path = info.name().replaceFirst("\\.weight$", "");
    boolean target = targets.contains(path);
    if (!target
        && !packed.isQuantized(info.name())
        && base.tensor(info.name()).dtype() == info.dtype()) {
      writer.write(info.name(), base.tensor(info.name()));
      return false;
    }
    try (Scope scope = Scope.open()) {
      Tensor wide = floats(info).to(DType.F64);
      if (target) {
        addUpdate(wide, path);
      }
      writer.write(info.name(), wide.to(info.dtype()).hostView());
      return target;
    }
  }

  private void addUpdate(Tensor wide, String path) {
    Tensor a = Tensors.copyOf(adapter.a(path)).to(DType.F64);
    Tensor b = Tensors.copyOf(adapter.b(path)).to(DType.F64);
    wide.addmmInPlace(b, a, sign * adapter.config().scaleOf(path));
  }

  /// The stored weight as float32.
  private Tensor floats(TensorInfo info) {
    Shape shape = info.shape();
    Tensor floats = Tensors.empty(DType.F32, shape.toArray());
    MemorySegment target = floats.segment();
    if (packed.isQuantized(info.name())) {
      packed.read(info.name(), shape).dequantize(DType.F32, target);
    } else {
      HostTensor stored = base.tensor(info.name());
      Casts.toFloat(stored, target);
    }
    return floats;
  }
}
