package dev.fettle.export.merge;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.AdapterUpdate;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// How much of an adapter's change Δ of a weight W is left in a merged model whose weights may be
/// rounded: `lost = ‖W' − (W + Δ)‖ / ‖Δ‖`, in the Frobenius norm, W' the weight as it is stored and
/// W that of the base the adapter was trained on. 0 keeps all of it; at 1 the rounding is as large
/// as what was learned.
///
/// @param name of the weight or bias
/// @param delta `‖Δ‖`
/// @param weight `‖W‖`
/// @param error `‖W' − (W + Δ)‖`
public record DeltaSurvival(String name, double delta, double weight, double error) {

  /// `‖W' − (W + Δ)‖ / ‖Δ‖`; 0 if neither differs.
  public double lost() {
    return error == 0 ? 0 : error / delta;
  }

  /// Reads one weight at a time, everything in float64.
  ///
  /// @param base the model the adapter was trained on, quantized or not
  /// @param adapter its folder
  /// @param merged the model to look at
  /// @return one entry for each tensor that the adapter changes, in the model's order
  /// @throws dev.fettle.tensor.UserException if one of them is unreadable or they do not fit
  public static List<DeltaSurvival> of(Path base, Path adapter, Path merged) {
    List<DeltaSurvival> layers = new ArrayList<>();
    try (UnpackedCheckpoint before = UnpackedCheckpoint.open(base);
        AdapterFolder folder = AdapterFolder.open(adapter);
        UnpackedCheckpoint after = UnpackedCheckpoint.open(merged)) {
      AdapterUpdate update = AdapterUpdate.of(folder, Architecture.of(before.stored().config()));
      for (String name : update.changedTensors()) {
        layers.add(of(name, before, update, after));
      }
    }
    return layers;
  }

  private static DeltaSurvival of(
      String name, UnpackedCheckpoint before, AdapterUpdate update, UnpackedCheckpoint after) {
    boolean untied = update.unties() && name.equals(Architecture.OUTPUT_HEAD);
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      Tensor weight = wide(untied ? Architecture.EMBEDDING : name, before, arena);
      Tensor exact = weight.add(Tensors.zeros(DType.F64, weight.shape().toArray()));
      update.apply(name, exact);
      Tensor stored = wide(name, after, arena);
      return new DeltaSurvival(
          name, norm(exact.sub(weight)), norm(weight), norm(stored.sub(exact)));
    }
  }

  private static Tensor wide(String name, UnpackedCheckpoint model, Arena arena) {
    return Tensors.copyOf(model.tensor(name, DType.F32, arena)).to(DType.F64);
  }

  private static double norm(Tensor tensor) {
    return Math.sqrt(tensor.mul(tensor).sum().item());
  }
}
