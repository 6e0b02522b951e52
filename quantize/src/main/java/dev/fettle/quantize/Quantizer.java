package dev.fettle.quantize;

import dev.fettle.quantize.kernel.QuantizeKernels;
import dev.fettle.quantize.moments.NearestTable;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Puts weights into a number format by rounding each to the nearest level.
public final class Quantizer {
  /// Scales per nested scale in bitsandbytes.
  static final int NESTED_BLOCK_SIZE = 256;

  /// Scales quantized by one thread at a time; whole nested blocks.
  private static final long NESTED_GRAIN = 32 * NESTED_BLOCK_SIZE;

  private Quantizer() {}

  /// As the other `quantize`, in memory that the garbage collector frees.
  public static QuantizedTensor quantize(HostTensor weight, Scheme scheme) {
    return quantize("weight", weight, scheme, Arena.ofAuto());
  }

  /// @param name the tensor, for messages
  /// @param weight F32, F16 or BF16, in memory accessible from any thread; rank 2 for int8
  /// @param allocator where the result goes; its memory must be accessible from any thread
  /// @throws UserException if a weight is NaN or infinite, or has another dtype or rank
  public static QuantizedTensor quantize(
      String name, HostTensor weight, Scheme scheme, SegmentAllocator allocator) {
    return quantize(name, weight, scheme, null, allocator);
  }

  /// As the other `quantize`.
  ///
  /// @param scaleDtype what scales of integers are stored in: F32, F16 or BF16; null for the dtype
  ///   of the weight
  /// @throws UserException also if a scale is beyond this dtype
  public static QuantizedTensor quantize(
      String name,
      HostTensor weight,
      Scheme scheme,
      @Nullable DType scaleDtype,
      SegmentAllocator allocator) {
    switch (weight.dtype()) {
      case F32, F16, BF16 -> {}
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new UserException(
              "Tensor '"
                  + name
                  + "' is "
                  + weight.dtype().torchName()
                  + "; only float32, float16 and bfloat16 weights can be quantized.");
    }
    return switch (scheme) {
      case Scheme.Codebook codebook -> fourBit(name, weight, codebook, allocator);
      case Scheme.LlmInt8 int8 -> int8(name, weight, allocator);
      case Scheme.Affine affine ->
          new AffineQuantizer(name, weight, affine).quantize(scaleDtype, allocator);
      case Scheme.Float8 float8 -> Float8Quantizer.quantize(name, weight, float8, allocator);
      case Scheme.Mxfp4 mxfp4 -> Fp4BlockQuantizer.mxfp4(name, weight, allocator);
      case Scheme.Nvfp4 nvfp4 -> Fp4BlockQuantizer.nvfp4(name, weight, allocator);
      case Scheme.Ggml ggml -> GgmlQuantizer.quantize(name, weight, ggml.type(), null, allocator);
      case Scheme.Cast cast ->
          throw new UserException(
              "Scheme %s does not quantize; it only rounds to another dtype.".formatted(scheme));
    };
  }

  /// @throws UserException naming the tensor
  static void requireMatrix(String name, Shape shape, Scheme scheme) {
    if (shape.rank() != 2) {
      throw new UserException(
          "Tensor '%s' has shape %s; %s needs a matrix [out, in].".formatted(name, shape, scheme));
    }
  }

  private static CodebookTensor fourBit(
      String name, HostTensor weight, Scheme.Codebook scheme, SegmentAllocator allocator) {
    FourBitCode code = FourBitCode.of(scheme);
    long n = weight.elements();
    int blockSize = scheme.blockSize();
    long blocks = (n + blockSize - 1) / blockSize;
    MemorySegment packed = allocator.allocate((n + 1) / 2);
    if (!scheme.doubleQuant()) {
      MemorySegment scales = allocator.allocate(4 * blocks, 4);
      pack(name, weight, code, blockSize, packed, scales);
      Absmax absmax = new Absmax.Plain(scales);
      return new CodebookTensor(weight.shape(), weight.dtype(), code, blockSize, packed, absmax);
    }
    try (Arena passing = Arena.ofShared()) { // only their codes stay
      MemorySegment scales = passing.allocate(4 * blocks, 4);
      pack(name, weight, code, blockSize, packed, scales);
      Absmax absmax = nest(scales, blocks, allocator);
      return new CodebookTensor(weight.shape(), weight.dtype(), code, blockSize, packed, absmax);
    }
  }

  private static void pack(
      String name,
      HostTensor weight,
      FourBitCode code,
      int blockSize,
      MemorySegment packed,
      MemorySegment scales) {
    long n = weight.elements();
    int width = weight.dtype().bytes();
    Parallel.forRange(
        n,
        CodebookTensor.GRAIN,
        (from, to) -> {
          float[] absmax = new float[(int) ((to - from + blockSize - 1) / blockSize)];
          MemorySegment part = weight.data().asSlice(from * width, (to - from) * width);
          QuantizeKernels.get()
              .quantizeFourBit(
                  code,
                  part,
                  weight.dtype(),
                  blockSize,
                  to - from,
                  packed.asSlice(from / 2, (to - from + 1) / 2),
                  absmax);
          for (int block = 0; block < absmax.length; block++) {
            if (!Float.isFinite(absmax[block])) {
              throw notFinite(name, weight, from + (long) block * blockSize, Float.MAX_VALUE);
            }
          }
          MemorySegment.copy(
              absmax, 0, scales, HostTensor.F32_LAYOUT, from / blockSize * 4, absmax.length);
        });
  }

  /// Quantizes the scales. The mean is taken in float64 and rounded once, so that it does not
  /// depend on the order of summation; bitsandbytes sums in float32 and may differ in the last bit.
  private static Absmax.Nested nest(MemorySegment scales, long blocks, SegmentAllocator allocator) {
    double sum = 0;
    for (long i = 0; i < blocks; i++) {
      sum += scales.get(HostTensor.F32_LAYOUT, 4 * i);
    }
    float offset = blocks == 0 ? 0 : (float) (sum / blocks);
    MemorySegment codes = allocator.allocate(blocks);
    long nestedBlocks = (blocks + NESTED_BLOCK_SIZE - 1) / NESTED_BLOCK_SIZE;
    MemorySegment nested = allocator.allocate(4 * nestedBlocks, 4);
    Parallel.forRange(
        blocks,
        NESTED_GRAIN,
        (from, to) -> {
          for (long start = from; start < to; start += NESTED_BLOCK_SIZE) {
            long end = Math.min(to, start + NESTED_BLOCK_SIZE);
            float largest = nestBlock(scales, start, end, offset, codes);
            nested.set(HostTensor.F32_LAYOUT, start / NESTED_BLOCK_SIZE * 4, largest);
          }
        });
    MemorySegment mapSegment = MemorySegment.ofArray(DynamicMap.values()).asReadOnly();
    return new Absmax.Nested(codes, nested, mapSegment, NESTED_BLOCK_SIZE, offset);
  }

  /// Made when it is first needed.
  private static final class Nearest {
    static final NearestTable TABLE = new NearestTable(DynamicMap.values());
  }

  private static float nestBlock(
      MemorySegment scales, long from, long to, float offset, MemorySegment codes) {
    float largest = 0;
    for (long i = from; i < to; i++) {
      largest = Math.max(largest, Math.abs(scales.get(HostTensor.F32_LAYOUT, 4 * i) - offset));
    }
    float reciprocal = 1 / Math.max(largest, Nf4.MIN_ABSMAX);
    for (long i = from; i < to; i++) {
      float normalised = (scales.get(HostTensor.F32_LAYOUT, 4 * i) - offset) * reciprocal;
      byte code = Nearest.TABLE.nearest(Float.floatToRawIntBits(normalised));
      codes.set(ValueLayout.JAVA_BYTE, i, code);
    }
    return largest;
  }

  private static LlmInt8Tensor int8(String name, HostTensor weight, SegmentAllocator allocator) {
    Shape shape = weight.shape();
    requireMatrix(name, shape, new Scheme.LlmInt8());
    long columns = shape.dim(1);
    int width = weight.dtype().bytes();
    MemorySegment codes = allocator.allocate(shape.elements());
    MemorySegment scales = allocator.allocate(4 * shape.dim(0), 4);
    Parallel.forRange(
        shape.dim(0),
        QuantizedTensor.rowsPerPart(shape),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            float absmax =
                QuantizeKernels.get()
                    .quantizeInt8(
                        weight.data().asSlice(row * columns * width, columns * width),
                        weight.dtype(),
                        columns,
                        codes.asSlice(row * columns, columns));
            if (!Float.isFinite(absmax)) {
              throw notFinite(name, weight, row * columns, FLOAT16_LIMIT);
            }
            scales.set(HostTensor.F32_LAYOUT, 4 * row, absmax);
          }
        });
    return new LlmInt8Tensor(shape, weight.dtype(), codes, scales);
  }

  /// The last float32 that does not round to infinity in float16 (its largest number is 65504).
  static final float FLOAT16_LIMIT = Math.nextDown(65520f);

  /// @param name the tensor, for messages
  /// @param weight F32, F16 or BF16, in memory accessible from any thread
  /// @throws UserException naming the first weight that is NaN or infinite
  public static void requireFinite(String name, HostTensor weight) {
    int width = weight.dtype().bytes();
    Parallel.forRange(
        weight.elements(),
        CodebookTensor.GRAIN,
        (from, to) -> {
          float[] part = new float[(int) (to - from)];
          Shape shape = Shape.of(part.length);
          MemorySegment slice = weight.data().asSlice(from * width, (to - from) * width);
          Casts.toFloat(new HostTensor(weight.dtype(), shape, slice), MemorySegment.ofArray(part));
          for (float value : part) {
            if (!(Math.abs(value) <= Float.MAX_VALUE)) {
              throw notFinite(name, weight, 0, Float.MAX_VALUE);
            }
          }
        });
  }

  /// Finds the offending weight at or after `start`; only called when there is one.
  static UserException notFinite(String name, HostTensor weight, long start, float limit) {
    int width = weight.dtype().bytes();
    for (long i = start; i < weight.elements(); i++) {
      float[] value = new float[1];
      MemorySegment one = weight.data().asSlice(i * width, width);
      Casts.toFloat(new HostTensor(weight.dtype(), Shape.of(1), one), MemorySegment.ofArray(value));
      if (!(Math.abs(value[0]) <= limit)) {
        return new UserException(
            "Tensor '"
                + name
                + "' has the value "
                + value[0]
                + " at "
                + Arrays.toString(index(weight.shape(), i))
                + "; it cannot be quantized, check the checkpoint.");
      }
    }
    throw new IllegalStateException("tensor '" + name + "' has only finite values");
  }

  private static long[] index(Shape shape, long flat) {
    long[] index = new long[shape.rank()];
    long rest = flat;
    for (int axis = shape.rank() - 1; axis >= 0; axis--) {
      index[axis] = rest % shape.dim(axis);
      rest /= shape.dim(axis);
    }
    return index;
  }
}
