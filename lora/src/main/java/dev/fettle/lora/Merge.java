package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import java.lang.foreign.Arena;
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
  private final UnpackedCheckpoint base;
  private final AdapterUpdate update;
  private final boolean unmerge;

  private Merge(UnpackedCheckpoint base, AdapterFolder adapter, boolean unmerge) {
    this.base = base;
    this.update = AdapterUpdate.of(adapter, Architecture.of(base.stored().config()));
    this.unmerge = unmerge;
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
    try (UnpackedCheckpoint base = UnpackedCheckpoint.open(model, dtype);
        AdapterFolder lora = AdapterFolder.open(adapter)) {
      return new Merge(base, lora, unmerge).write(output, onTensor);
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
    List<TensorInfo> plan = plan();
    if (update.unties()) {
      config.put("tie_word_embeddings", false);
    }
    try (CheckpointWriter writer =
        CheckpointWriter.create(output, config, plan, base.stored().companions())) {
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
    for (TensorInfo expected : Architecture.of(base.stored().config()).tensors()) {
      plan.add(planned(expected.name(), expected));
    }
    if (update.unties()) {
      plan.add(planned(Architecture.OUTPUT_HEAD, plan.getFirst()));
    }
    return plan;
  }

  private TensorInfo planned(String name, TensorInfo of) {
    return new TensorInfo(name, base.info(of.name()).dtype(), of.shape());
  }

  /// The base's tensor behind one of the merged model.
  private String source(String name) {
    return update.unties() && name.equals(Architecture.OUTPUT_HEAD) ? Architecture.EMBEDDING : name;
  }

  /// @return whether the adapter changed it
  private boolean writeTensor(CheckpointWriter writer, TensorInfo info) {
    String source = source(info.name());
    boolean changed = update.changes(info.name());
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      if (!changed) {
        writer.write(info.name(), base.tensor(source, arena));
        return false;
      }
      Tensor wide = Tensors.copyOf(base.tensor(source, DType.F32, arena)).to(DType.F64);
      if (unmerge) {
        update.remove(info.name(), wide);
      } else {
        update.apply(info.name(), wide);
      }
      writer.write(info.name(), wide.to(info.dtype()).hostView());
      return true;
    }
  }
}
