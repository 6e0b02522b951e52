package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
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
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Adds an adapter to the weights of its base (see {@link AdapterUpdate}), or takes it out again,
/// one tensor at a time.
///
/// The sum is taken in float64 and rounded to the stored dtype. The update is therefore the same
/// number in both directions, and taking it out gives back the very bits of `W` wherever `W'` lies
/// in the same power of two or a lower one; elsewhere the last bits that `W'` could not hold are
/// lost.
public final class Merge {
  private final Checkpoint base;
  private final AdapterUpdate update;
  private final @Nullable DType dtype;
  private final boolean unmerge;
  private final QuantizedWeights packed;

  private Merge(Checkpoint base, AdapterFolder adapter, @Nullable DType dtype, boolean unmerge) {
    this.base = base;
    this.update = AdapterUpdate.of(adapter, Architecture.of(base.config()));
    this.dtype = dtype;
    this.unmerge = unmerge;
    this.packed = QuantizedWeights.of(base);
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
  /// @param mergedLayers weights and biases that the adapter changed
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
    if (update.unties()) {
      config.put("tie_word_embeddings", false);
    }
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
      plan.add(planned(expected.name(), expected));
    }
    if (update.unties()) {
      plan.add(planned(Architecture.OUTPUT_HEAD, plan.getFirst()));
    }
    return plan;
  }

  private TensorInfo planned(String name, TensorInfo of) {
    DType stored =
        packed.isQuantized(of.name())
            ? packed.read(of.name(), of.shape()).originalDtype()
            : base.tensor(of.name()).dtype();
    return new TensorInfo(name, dtype == null ? stored : dtype, of.shape());
  }

  /// The base's tensor behind one of the merged model.
  private String source(String name) {
    return update.unties() && name.equals(Architecture.OUTPUT_HEAD) ? Architecture.EMBEDDING : name;
  }

  /// @return whether the adapter changed it
  private boolean writeTensor(CheckpointWriter writer, TensorInfo info) {
    String source = source(info.name());
    boolean changed = update.changes(info.name());
    if (!changed && !packed.isQuantized(source) && base.tensor(source).dtype() == info.dtype()) {
      writer.write(info.name(), base.tensor(source));
      return false;
    }
    try (Scope scope = Scope.open()) {
      Tensor wide = floats(source, info.shape()).to(DType.F64);
      if (changed && unmerge) {
        update.remove(info.name(), wide);
      } else if (changed) {
        update.apply(info.name(), wide);
      }
      writer.write(info.name(), wide.to(info.dtype()).hostView());
      return changed;
    }
  }

  /// The stored weight as float32.
  private Tensor floats(String name, Shape shape) {
    Tensor floats = Tensors.empty(DType.F32, shape.toArray());
    MemorySegment target = floats.segment();
    if (packed.isQuantized(name)) {
      packed.read(name, shape).dequantize(DType.F32, target);
    } else {
      HostTensor stored = base.tensor(name);
      Casts.toFloat(stored, target);
    }
    return floats;
  }
}
