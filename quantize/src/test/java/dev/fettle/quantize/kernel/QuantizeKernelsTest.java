package dev.fettle.quantize.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.quantize.TestWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class QuantizeKernelsTest {
  /// Float32 lanes against float64 sums; see ErrorLanes.
  private static final Percentage SUM_TOLERANCE = Percentage.withPercentage(1e-3);

  private final QuantizeKernels scalar = new ScalarQuantizeKernels();
  private final QuantizeKernels vector = new VectorQuantizeKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void vectorKernelsAreInUseWhereTheProcessorHasThem() {
    assertThat(QuantizeKernels.get() instanceof VectorQuantizeKernels)
        .isEqualTo(Kernels.vectorized());
  }

  static Stream<Arguments> fourBitCases() {
    return Stream.of(FourBitCode.values())
        .flatMap(code ->
            Stream.of(DType.F32, DType.F16, DType.BF16)
                .flatMap(dtype ->
                    Stream.of(32, 64, 4096)
                        .flatMap(block ->
                            Stream.of(1, 31, 64, 65, 4096, 5 * 4096 + 97)
                                .map(count -> Arguments.of(code, dtype, block, count)))));
  }

  @ParameterizedTest
  @MethodSource("fourBitCases")
  void fourBitTwinsAgree(FourBitCode code, DType dtype, int blockSize, int count) {
    HostTensor weight = weight(dtype, count);
    int blocks = (count + blockSize - 1) / blockSize;
    float[] scales = new float[blocks];
    float[] vectorScales = new float[blocks];
    MemorySegment packed = arena.allocate((count + 1) / 2);
    MemorySegment vectorPacked = arena.allocate((count + 1) / 2);
    scalar.quantizeFourBit(code, weight.data(), dtype, blockSize, count, packed, scales);
    vector.quantizeFourBit(
        code, weight.data(), dtype, blockSize, count, vectorPacked, vectorScales);
    assertThat(vectorScales).isEqualTo(scales);
    assertThat(vectorPacked.mismatch(packed)).isEqualTo(-1);

    for (DType target : new DType[] {DType.F32, DType.F16, DType.BF16}) {
      MemorySegment out = arena.allocate((long) count * target.bytes());
      MemorySegment vectorOut = arena.allocate((long) count * target.bytes());
      scalar.dequantizeFourBit(code, packed, scales, blockSize, count, target, out);
      vector.dequantizeFourBit(code, packed, scales, blockSize, count, target, vectorOut);
      assertThat(vectorOut.mismatch(out)).as("as %s", target).isEqualTo(-1);
    }
  }

  /// Long enough that the compiler has turned both twins into machine code.
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void twinsAgreeOnceCompiled(DType dtype) {
    FourBitCode code = dtype == DType.F32 ? FourBitCode.FP4 : FourBitCode.NF4;
    int count = 1 << 19;
    MemorySegment codes = arena.allocate(count);
    MemorySegment packed = arena.allocate(count / 2);
    MemorySegment out = arena.allocate((long) count * dtype.bytes());
    MemorySegment vectorCodes = arena.allocate(count);
    MemorySegment vectorPacked = arena.allocate(count / 2);
    MemorySegment vectorOut = arena.allocate((long) count * dtype.bytes());
    float[] scales = new float[count / 64];
    float[] vectorScales = new float[count / 64];
    for (int seed = 0; seed < 4; seed++) {
      MemorySegment weight = TestWeights.normal(seed, dtype, count).data();
      scalar.quantizeFourBit(code, weight, dtype, 64, count, packed, scales);
      vector.quantizeFourBit(code, weight, dtype, 64, count, vectorPacked, vectorScales);
      assertThat(vectorScales).isEqualTo(scales);
      assertThat(vectorPacked.mismatch(packed)).isEqualTo(-1);
      scalar.dequantizeFourBit(code, packed, scales, 64, count, dtype, out);
      vector.dequantizeFourBit(code, packed, scales, 64, count, dtype, vectorOut);
      assertThat(vectorOut.mismatch(out)).isEqualTo(-1);
      float absmax = scalar.quantizeInt8(weight, dtype, count, codes);
      assertThat(vector.quantizeInt8(weight, dtype, count, vectorCodes)).isEqualTo(absmax);
      assertThat(vectorCodes.mismatch(codes)).isEqualTo(-1);
      scalar.dequantizeInt8(codes, absmax, count, dtype, out);
      vector.dequantizeInt8(codes, absmax, count, dtype, vectorOut);
      assertThat(vectorOut.mismatch(out)).isEqualTo(-1);
    }
  }

  /// Every normalised weight within 50,000 steps of a midpoint or of an edge between cells, in
  /// blocks whose largest weight is 1, so that the weight is its own normalised value.
  @ParameterizedTest
  @EnumSource
  void twinsAgreeAtEveryDecision(FourBitCode code) {
    float[] midpoints = code.midpoints();
    float cells = code == FourBitCode.NF4 ? FourBitSearch.CELLS_PER_UNIT : Fp4Lanes.CELLS_PER_UNIT;
    for (int edge = 0; edge < midpoints.length + 33; edge++) {
      float centre =
          edge < midpoints.length ? midpoints[edge] : (edge - midpoints.length - 16.5f) / cells;
      int steps = 50_000;
      float[] values = new float[4096 * 25];
      for (int i = 0; i < values.length; i++) {
        float near = step(centre, Math.floorMod(i, 2 * steps) - steps);
        values[i] = i % 64 == 63 ? 1 : Math.clamp(near, -1, 1);
      }
      MemorySegment weight = TestWeights.of(values, DType.F32, values.length).data();
      float[] scales = new float[values.length / 64];
      MemorySegment packed = arena.allocate(values.length / 2);
      MemorySegment vectorPacked = arena.allocate(values.length / 2);
      scalar.quantizeFourBit(code, weight, DType.F32, 64, values.length, packed, scales);
      vector.quantizeFourBit(code, weight, DType.F32, 64, values.length, vectorPacked, scales);
      assertThat(vectorPacked.mismatch(packed)).as("around %s", centre).isEqualTo(-1);
    }
  }

  /// The float32 so many steps above `centre`.
  private static float step(float centre, int steps) {
    int magnitude = Float.floatToRawIntBits(Math.abs(centre));
    int ordered = (centre < 0 ? -magnitude : magnitude) + steps;
    float value = Float.intBitsToFloat(Math.abs(ordered));
    return ordered < 0 ? -value : value;
  }

  @Test
  void noCellHoldsTwoMidpointsOrHasOneAtItsEdge() {
    int previous = -1;
    for (float midpoint : FourBitCode.NF4.midpoints()) {
      int cell = FourBitSearch.cell(midpoint);
      assertThat(cell).isGreaterThan(previous);
      assertThat(FourBitSearch.cell(midpoint - 0.06f / FourBitSearch.CELLS_PER_UNIT))
          .isEqualTo(cell);
      assertThat(FourBitSearch.cell(midpoint + 0.06f / FourBitSearch.CELLS_PER_UNIT))
          .isEqualTo(cell);
      previous = cell;
    }
    previous = -1;
    for (float midpoint : Arrays.copyOfRange(FourBitCode.FP4.midpoints(), 8, 15)) {
      int cell = Fp4Lanes.cell(midpoint);
      assertThat(cell).isGreaterThan(previous);
      assertThat(Fp4Lanes.cell(midpoint + 0.03f / Fp4Lanes.CELLS_PER_UNIT)).isEqualTo(cell);
      previous = cell;
    }
    assertThat(Fp4Lanes.cell(1)).isLessThan(16).isGreaterThan(previous);
  }

  static Stream<Arguments> rows() {
    return Stream.of(DType.F32, DType.F16, DType.BF16)
        .flatMap(
            dtype -> Stream.of(1, 15, 16, 17, 64, 1000).map(count -> Arguments.of(dtype, count)));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void int8TwinsAgree(DType dtype, int count) {
    HostTensor weight = weight(dtype, count);
    MemorySegment codes = arena.allocate(count);
    MemorySegment vectorCodes = arena.allocate(count);
    float scale = scalar.quantizeInt8(weight.data(), dtype, count, codes);
    assertThat(vector.quantizeInt8(weight.data(), dtype, count, vectorCodes)).isEqualTo(scale);
    assertThat(vectorCodes.mismatch(codes)).isEqualTo(-1);

    for (DType target : new DType[] {DType.F32, DType.F16, DType.BF16}) {
      MemorySegment out = arena.allocate((long) count * target.bytes());
      MemorySegment vectorOut = arena.allocate((long) count * target.bytes());
      scalar.dequantizeInt8(codes, scale, count, target, out);
      vector.dequantizeInt8(codes, scale, count, target, vectorOut);
      assertThat(vectorOut.mismatch(out)).as("as %s", target).isEqualTo(-1);
    }
  }

  @Test
  void errorSumsAgree() {
    HostTensor exact = TestWeights.normal(1, DType.F32, 1003);
    HostTensor approximate = TestWeights.normal(2, DType.F32, 1003);
    ErrorSums expected = new ErrorSums();
    ErrorSums actual = new ErrorSums();
    scalar.addErrors(exact.data(), approximate.data(), 1003, expected);
    vector.addErrors(exact.data(), approximate.data(), 1003, actual);
    assertThat(actual.count()).isEqualTo(1003);
    assertThat(actual.squaredError()).isCloseTo(expected.squaredError(), SUM_TOLERANCE);
    assertThat(actual.squaredExact()).isCloseTo(expected.squaredExact(), SUM_TOLERANCE);
    assertThat(actual.squaredApproximate()).isCloseTo(expected.squaredApproximate(), SUM_TOLERANCE);
    assertThat(actual.product()).isCloseTo(expected.product(), within(1e-6));
    assertThat(actual.maxError()).isCloseTo(expected.maxError(), within(1e-8));
  }

  /// Normal weights with blocks of very large, very small, subnormal and zero ones in between.
  private static HostTensor weight(DType dtype, int count) {
    float[] scales = {0.02f, 0.02f, 3000, 1e-6f, 1e-40f, 0, 6e-8f, 1e-4f};
    float[] values = new float[count];
    Random random = new Random(count);
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * scales[i / 64 % scales.length];
    }
    return TestWeights.of(values, dtype, count);
  }
}
