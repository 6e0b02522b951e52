package dev.fettle.plan;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.util.HashMap;
import java.util.Map;

/// Bytes of linear layers in a number format, scales included.
final class PackedBytes {
  private PackedBytes() {}

  /// All linear layers, with their biases.
  ///
  /// @param dtype of biases, and of scales that take the model's
  static long of(Architecture architecture, Scheme scheme, DType dtype) {
    long bytes = 0;
    Map<Shape, Long> byShape = new HashMap<>(); // blocks are alike
    for (LinearModule module : architecture.linears()) {
      bytes += byShape.computeIfAbsent(module.weightShape(), _ -> of(module, scheme, dtype));
      bytes += module.bias() ? (long) module.outFeatures() * dtype.bytes() : 0;
    }
    return bytes;
  }

  static long of(LinearModule module, Scheme scheme, DType dtype) {
    long elements = module.weightShape().elements();
    return switch (scheme) {
      case Scheme.Ggml ggml ->
          Math.ceilDiv(elements, ggml.type().blockSize()) * ggml.type().blockBytes();
      case Scheme.Cast cast -> elements * cast.dtype().bytes();
      case Scheme.Affine affine -> stored(module, affine, dtype);
      case Scheme.Codebook codebook -> stored(module, codebook, dtype);
      case Scheme.Float8 float8 -> stored(module, float8, dtype);
      case Scheme.Mxfp4 mxfp4 -> stored(module, mxfp4, dtype);
      case Scheme.Nvfp4 nvfp4 -> stored(module, nvfp4, dtype);
      case Scheme.LlmInt8 int8 -> stored(module, int8, dtype);
    };
  }

  private static long stored(LinearModule module, Scheme scheme, DType dtype) {
    return CheckpointQuantizer.storedBytes(
        new TensorInfo(module.weightName(), dtype, module.weightShape()), scheme);
  }
}
