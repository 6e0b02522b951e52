package dev.fettle.calibrate.block;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;

/// How much a quantized weight changes a layer's outputs.
public final class OutputError {
  private OutputError() {}

  /// `‖(Ŵ − W)·Xᵀ‖² / ‖W·Xᵀ‖²`, computed in float64 from the second moments of the inputs.
  ///
  /// @param weight F32 `[out, in]`, in native memory
  /// @return 0 if the outputs are all zero
  public static double relative(
      HostTensor weight, QuantizedTensor quantized, InputMoments moments) {
    try (Scope scope = Scope.open()) {
      Tensor exact = Tensors.viewOf(weight);
      Tensor stored = Tensors.empty(DType.F32, weight.shape().toArray());
      quantized.dequantize(DType.F32, stored.segment());
      double power = energy(exact.to(DType.F64), moments.gram());
      return power == 0 ? 0 : energy(stored.sub(exact).to(DType.F64), moments.gram()) / power;
    }
  }

  /// `‖Δ·Xᵀ‖² = tr(Δ · G · Δᵀ)`
  ///
  /// @param delta `[out, in]`
  /// @param gram `XᵀX`, `[in, in]`, of the same dtype
  public static double energy(Tensor delta, Tensor gram) {
    try (Scope scope = Scope.open()) {
      return delta.matmul(gram).mulInPlace(delta).to(DType.F64).sum().item();
    }
  }
}
