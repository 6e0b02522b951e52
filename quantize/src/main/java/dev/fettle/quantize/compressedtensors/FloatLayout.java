package dev.fettle.quantize.compressedtensors;

import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.Float8Format;
import dev.fettle.quantize.Float8Tensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Mxfp4Tensor;
import dev.fettle.quantize.Nvfp4Tensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// The tensors of one linear layer `M` in small floating-point numbers.
///
/// ```
/// float-quantized       M.weight               F8_E4M3 [out, in]
///                       M.weight_scale         float [out, groups], [out, 1] or [1]
/// mxfp4-pack-quantized  M.weight_packed        U8 [out, in/2]   first of a pair in the low bits
///                       M.weight_scale         U8 [out, in/32]  E8M0
/// nvfp4-pack-quantized  M.weight_packed        U8 [out, in/2]
///                       M.weight_scale         F8_E4M3 [out, in/16]
///                       M.weight_global_scale  F32 [1]
/// ```
///
/// Source: compressed-tensors 0.17, `compressors/naive_quantized`, `mxfp4` and `nvfp4`.
final class FloatLayout {
  static final String GLOBAL_SCALE = ".weight_global_scale";

  private FloatLayout() {}

  /// @throws UserException if compressed-tensors cannot say it
  static List<TensorInfo> plan(String module, Shape shape, DType dtype, Scheme.Float8 scheme) {
    if (scheme.format() != Float8Format.E4M3) {
      throw new UserException(
          "A model folder cannot hold %s: compressed-tensors has only E4M3 in 8 bits; choose fp8_e4m3:%s."
              .formatted(scheme, scheme.granularity()));
    }
    CompressedTensorsLayout.checkGranularity(module, shape, scheme, scheme.granularity());
    return List.of(
        new TensorInfo(module + ".weight", DType.F8_E4M3, shape),
        new TensorInfo(
            module + CompressedTensorsLayout.SCALE,
            Float8Tensor.scaleDtype(dtype),
            CompressedTensorsLayout.storedScales(shape, scheme.granularity())));
  }

  static List<TensorInfo> planMxfp4(String module, Shape shape) {
    return List.of(
        new TensorInfo(module + CompressedTensorsLayout.PACKED, DType.U8, columns(shape, 2)),
        new TensorInfo(
            module + CompressedTensorsLayout.SCALE,
            DType.U8,
            columns(shape, Scheme.Mxfp4.BLOCK_SIZE)));
  }

  static List<TensorInfo> planNvfp4(String module, Shape shape) {
    return List.of(
        new TensorInfo(module + CompressedTensorsLayout.PACKED, DType.U8, columns(shape, 2)),
        new TensorInfo(
            module + CompressedTensorsLayout.SCALE,
            DType.F8_E4M3,
            columns(shape, Scheme.Nvfp4.BLOCK_SIZE)),
        new TensorInfo(module + GLOBAL_SCALE, DType.F32, Shape.of(1)));
  }

  /// One entry per so many columns.
  static Shape columns(Shape shape, int per) {
    return Shape.of(shape.dim(0), shape.dim(1) / per);
  }

  static SequencedMap<String, HostTensor> tensors(String module, Float8Tensor tensor) {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put(module + ".weight", new HostTensor(DType.F8_E4M3, tensor.shape(), tensor.codes()));
    Shape scales =
        CompressedTensorsLayout.storedScales(tensor.shape(), tensor.scheme().granularity());
    tensors.put(
        module + CompressedTensorsLayout.SCALE,
        new HostTensor(tensor.scales().dtype(), scales, tensor.scales().data()));
    return tensors;
  }

  static SequencedMap<String, HostTensor> tensors(String module, Mxfp4Tensor tensor) {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put(
        module + CompressedTensorsLayout.PACKED,
        new HostTensor(DType.U8, columns(tensor.shape(), 2), tensor.packed()));
    tensors.put(
        module + CompressedTensorsLayout.SCALE,
        new HostTensor(
            DType.U8, columns(tensor.shape(), Scheme.Mxfp4.BLOCK_SIZE), tensor.exponents()));
    return tensors;
  }

  static SequencedMap<String, HostTensor> tensors(String module, Nvfp4Tensor tensor) {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put(
        module + CompressedTensorsLayout.PACKED,
        new HostTensor(DType.U8, columns(tensor.shape(), 2), tensor.packed()));
    tensors.put(
        module + CompressedTensorsLayout.SCALE,
        new HostTensor(
            DType.F8_E4M3, columns(tensor.shape(), Scheme.Nvfp4.BLOCK_SIZE), tensor.scales()));
    MemorySegment global = Arena.ofAuto().allocate(Float.BYTES, 4);
    global.set(HostTensor.F32_LAYOUT, 0, tensor.globalScale());
    tensors.put(module + GLOBAL_SCALE, new HostTensor(DType.F32, Shape.of(1), global));
    return tensors;
  }

  /// The blocks of the format must divide the rows.
  ///
  /// @throws UserException if they do not
  static void requireBlocks(String module, Shape shape, Scheme scheme, int blockSize) {
    if (shape.rank() != 2 || shape.dim(1) % blockSize != 0) {
      throw new UserException(
          "Layer %s has shape %s, which %s's blocks of %d do not divide; skip it with --skip-modules."
              .formatted(module, shape, scheme, blockSize));
    }
  }

  /// Per tensor scales are one number, whatever their shape.
  static HostTensor matrix(HostTensor stored, Granularity granularity, Shape shape) {
    return new HostTensor(stored.dtype(), granularity.scaleShape(shape), stored.data());
  }
}
