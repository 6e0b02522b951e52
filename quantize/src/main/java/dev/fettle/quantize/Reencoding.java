package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// Takes the integers of a packed weight over into another format that can hold them, so that
/// nothing is rounded a second time.
///
/// | from | to |
/// |---|---|
/// | integers | integers of the same width with finer or equal groups, wherever the zero points allow |
/// | Q4_0, Q5_0, Q8_0 | `int4`, `int5`, `int8` with `group=32` or finer |
/// | the same integers without zero points | Q4_0, Q5_0, Q8_0 |
/// | LLM.int8 | `int8:sym:channel` or finer: the integers, with the scale rounded once |
/// | MXFP4 | ggml's MXFP4 and back |
/// | double quantization | plain scales |
public final class Reencoding {
  /// The integers of LLM.int8.
  private static final Scheme.Affine PER_CHANNEL =
      new Scheme.Affine(8, true, Symmetry.SYMMETRIC, new Granularity.PerChannel(0));

  private Reencoding() {}

  /// @param source what is packed
  /// @param target the format wanted
  /// @param scaleDtype dtype of the scales of integer formats: F32, F16 or BF16
  /// @param allocator where the result goes, as far as it is not a view of the source
  /// @return null if the target cannot hold the source's integers, or its scales not exactly
  public static @Nullable QuantizedTensor of(
      QuantizedTensor source, Scheme target, DType scaleDtype, SegmentAllocator allocator) {
    return switch (target) {
      case Scheme.Affine affine -> affine(source, affine, scaleDtype, allocator);
      case Scheme.Ggml ggml -> ggml(source, ggml.type(), allocator);
      case Scheme.Codebook codebook -> codebook(source, codebook, allocator);
      case Scheme.Float8 float8 -> same(source, float8);
      case Scheme.Mxfp4 mxfp4 ->
          source instanceof GgmlTensor blocks && blocks.type() == GgmlType.MXFP4
              ? MxBlocks.fromGgml(blocks, source.originalDtype(), allocator)
              : same(source, mxfp4);
      case Scheme.Nvfp4 nvfp4 -> same(source, nvfp4);
      case Scheme.LlmInt8 int8 -> same(source, int8);
      case Scheme.Cast cast -> null;
    };
  }

  /// The integer scheme that holds the same integers as weights of `scheme`, or null if those are
  /// not integers with one scale each.
  public static Scheme.@Nullable Affine integers(Scheme scheme) {
    return switch (scheme) {
      case Scheme.Affine affine -> affine;
      case Scheme.Ggml ggml -> {
        GgmlIntegers blocks = GgmlIntegers.of(ggml.type());
        yield blocks == null ? null : blocks.scheme();
      }
      case Scheme.LlmInt8 int8 -> PER_CHANNEL;
      case Scheme.Nf4 nf4 -> null;
      case Scheme.Fp4 fp4 -> null;
      case Scheme.Float8 float8 -> null;
      case Scheme.Mxfp4 mxfp4 -> null;
      case Scheme.Nvfp4 nvfp4 -> null;
      case Scheme.Cast cast -> null;
    };
  }

  private static @Nullable QuantizedTensor same(QuantizedTensor source, Scheme target) {
    return source.scheme().equals(target) ? source : null;
  }

  private static @Nullable QuantizedTensor affine(
      QuantizedTensor source, Scheme.Affine target, DType scaleDtype, SegmentAllocator allocator) {
    AffineTensor integers = integers(source, allocator);
    if (integers == null) {
      return null;
    }
    boolean roundScales = source instanceof LlmInt8Tensor;
    return AffineReencoding.of(integers, target, scaleDtype, roundScales, allocator);
  }

  private static @Nullable QuantizedTensor ggml(
      QuantizedTensor source, GgmlType type, SegmentAllocator allocator) {
    if (source instanceof GgmlTensor ggml && ggml.type() == type) {
      return ggml;
    }
    if (source instanceof Mxfp4Tensor mxfp4 && type == GgmlType.MXFP4) {
      return MxBlocks.toGgml(mxfp4, allocator);
    }
    GgmlIntegers blocks = GgmlIntegers.of(type);
    AffineTensor integers = integers(source, allocator);
    if (blocks == null || integers == null || integers.shape().dim(1) % type.blockSize() != 0) {
      return null;
    }
    AffineTensor grouped = AffineReencoding.of(integers, blocks.scheme(), DType.F16, allocator);
    return grouped == null || grouped.groupIndex() != null
        ? null
        : blocks.pack(grouped, source.originalDtype(), allocator);
  }

  /// The integers and scales behind a weight, or null if it has none.
  private static @Nullable AffineTensor integers(
      QuantizedTensor source, SegmentAllocator allocator) {
    return switch (source) {
      case AffineTensor affine -> affine;
      case GgmlTensor ggml -> {
        GgmlIntegers blocks = GgmlIntegers.of(ggml.type());
        yield blocks == null ? null : blocks.unpack(ggml, allocator);
      }
      case LlmInt8Tensor int8 -> llmInt8(int8, allocator);
      case CodebookTensor codebook -> null;
      case Float8Tensor float8 -> null;
      case Mxfp4Tensor mxfp4 -> null;
      case Nvfp4Tensor nvfp4 -> null;
    };
  }

  /// `scale = absmax / 127`, which float32 rounds once.
  private static AffineTensor llmInt8(LlmInt8Tensor source, SegmentAllocator allocator) {
    float[] scales = source.absmax().toArray(HostTensor.F32_LAYOUT);
    for (int row = 0; row < scales.length; row++) {
      scales[row] /= 127;
    }
    MemorySegment out = allocator.allocate(4L * scales.length, 64);
    MemorySegment.copy(MemorySegment.ofArray(scales), 0, out, 0, out.byteSize());
    return new AffineTensor(
        source.shape(),
        source.originalDtype(),
        PER_CHANNEL,
        source.codes(),
        new HostTensor(DType.F32, Shape.of(scales.length, 1), out),
        null);
  }

  /// Double quantization is undone into plain float32 scales; nothing is made coarser.
  private static @Nullable QuantizedTensor codebook(
      QuantizedTensor source, Scheme.Codebook target, SegmentAllocator allocator) {
    if (!(source instanceof CodebookTensor codebook)) {
      return null;
    }
    Scheme.Codebook found = codebook.scheme();
    if (found.equals(target)) {
      return codebook;
    }
    if (found.getClass() != target.getClass()
        || found.blockSize() != target.blockSize()
        || target.doubleQuant()) {
      return null;
    }
    int blocks = Math.toIntExact(codebook.absmax().blocks());
    float[] scales = new float[blocks];
    codebook.absmax().read(0, blocks, scales);
    MemorySegment plain = allocator.allocate(4L * blocks, 64);
    MemorySegment.copy(MemorySegment.ofArray(scales), 0, plain, 0, plain.byteSize());
    return new CodebookTensor(
        codebook.shape(),
        codebook.originalDtype(),
        codebook.code(),
        codebook.blockSize(),
        codebook.packed(),
        new Absmax.Plain(plain));
  }
}
