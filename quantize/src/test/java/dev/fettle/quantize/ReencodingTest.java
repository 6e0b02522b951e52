package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReencodingTest {
  private static final int ROWS = 6;
  private static final int COLUMNS = 128;

  @ParameterizedTest
  @CsvSource({
    "q4_0, int4:sym:group=32",
    "q4_0, uint4:asym:group=32",
    "q4_0, int4:asym:group=16",
    "q5_0, int5:sym:group=32",
    "q8_0, int8:sym:group=32",
    "int4:sym:group=64, q4_0",
    "int4:sym:channel, q4_0",
    "int4:sym:tensor, int4:sym:group=32",
    "int5:sym:group=32, q5_0",
    "int8:sym:channel, q8_0",
    "int8:sym:channel:restricted, int8:sym:group=64",
    "int4:sym:group=32, uint4:asym:group=32",
    "uint4:asym:group=64, int4:asym:group=64",
    "int4:asym:block=2x32, int4:asym:group=32",
    "nf4:group=64:double, nf4:group=64",
    "q4_0, q4_0",
    "mxfp4, mxfp4_ggml",
    "mxfp4_ggml, mxfp4"
  })
  void theNumbersStayTheSame(String from, String to) {
    HostTensor weight = weight(DType.F16);
    Scheme target = Scheme.parse(to);
    try (Arena arena = Arena.ofShared()) {
      QuantizedTensor source = Quantizer.quantize("w", weight, Scheme.parse(from), arena);
      QuantizedTensor result = Reencoding.of(source, target, DType.F16, arena);
      assertThat(Objects.requireNonNull(result).scheme()).isEqualTo(target);
      assertThat(floats(result)).containsExactly(floats(source));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "int4:sym:group=32, int4:sym:group=64", // two scales cannot become one
    "int4:asym:group=32, int4:sym:group=32", // nor zero points nothing
    "int4:asym:group=32, q4_0",
    "int4:sym:group=32, int8:sym:group=32",
    "int8:sym:channel, int8:sym:channel:restricted",
    "q4_1, int4:asym:group=32",
    "q4_k, q4_0",
    "nf4:group=64, nf4:group=64:double",
    "nf4:group=64, fp4:group=64",
    "nf4:group=64, int4:sym:group=64",
    "int4:sym:group=32, bfloat16"
  })
  void whatWouldHaveToBeRoundedAgainIsLeft(String from, String to) {
    HostTensor weight = weight(DType.F16);
    try (Arena arena = Arena.ofShared()) {
      Scheme scheme = Scheme.parse(from);
      HostTensor wide = from.endsWith("_k") ? weight(DType.F32, 256) : weight;
      QuantizedTensor source = Quantizer.quantize("w", wide, scheme, arena);
      assertThat(Reencoding.of(source, Scheme.parse(to), DType.F16, arena)).isNull();
    }
  }

  @Test
  void blocksHaveNoPlaceForColumnsInAnotherOrder() {
    try (Arena arena = Arena.ofShared()) {
      Scheme scheme = Scheme.parse("int4:sym:group=32");
      AffineTensor plain = (AffineTensor) Quantizer.quantize("w", weight(DType.F16), scheme, arena);
      int[] groups = new int[COLUMNS];
      for (int i = 0; i < COLUMNS; i++) {
        groups[i] = i % (COLUMNS / 32);
      }
      MemorySegment index = arena.allocate(4L * COLUMNS, 64);
      MemorySegment.copy(MemorySegment.ofArray(groups), 0, index, 0, index.byteSize());
      AffineTensor ordered =
          new AffineTensor(
              plain.shape(),
              plain.originalDtype(),
              plain.scheme(),
              plain.codes(),
              plain.scales(),
              plain.zeroPoints(),
              new HostTensor(DType.I32, Shape.of(COLUMNS), index));
      assertThat(Reencoding.of(ordered, Scheme.parse("q4_0"), DType.F16, arena)).isNull();
      QuantizedTensor kept = Reencoding.of(ordered, scheme, DType.F16, arena);
      assertThat(floats(Objects.requireNonNull(kept))).containsExactly(floats(ordered));
      assertThat(floats(plain)).isNotEqualTo(floats(ordered));
    }
  }

  @Test
  void scalesThatTheDtypeCannotHoldAreLeft() {
    try (Arena arena = Arena.ofShared()) {
      Scheme scheme = Scheme.parse("int4:sym:group=32");
      QuantizedTensor source = Quantizer.quantize("w", weight(DType.F32), scheme, arena);
      assertThat(Reencoding.of(source, scheme, DType.F16, arena)).isNull();
      assertThat(Reencoding.of(source, scheme, DType.F32, arena)).isNotNull();
    }
  }

  @Test
  void integersOfBitsandbytesKeepTheirCodes() {
    try (Arena arena = Arena.ofShared()) {
      LlmInt8Tensor source =
          (LlmInt8Tensor) Quantizer.quantize("w", weight(DType.F16), new Scheme.LlmInt8(), arena);
      AffineTensor result =
          (AffineTensor)
              Objects.requireNonNull(
                  Reencoding.of(source, Scheme.parse("int8:sym:channel"), DType.F16, arena));
      assertThat(result.codes().mismatch(source.codes())).isEqualTo(-1);
      float[] expected = floats(source);
      float[] found = floats(result);
      for (int i = 0; i < found.length; i++) {
        // the scale is rounded to float16, by half a unit in its last of 11 places
        assertThat(Math.abs(found[i] - expected[i]))
            .isLessThanOrEqualTo(Math.abs(expected[i]) * 0x1.1p-11f);
      }
    }
  }

  private static HostTensor weight(DType dtype) {
    return weight(dtype, COLUMNS);
  }

  private static HostTensor weight(DType dtype, int columns) {
    SplittableRandom random = new SplittableRandom(7);
    float[] values = new float[ROWS * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextDouble() - 0.4);
      values[i] =
          dtype == DType.F16 ? Float.float16ToFloat(Float.floatToFloat16(values[i])) : values[i];
    }
    HostTensor floats = HostTensor.of(values, ROWS, columns);
    if (dtype == DType.F32) {
      return floats;
    }
    MemorySegment halves = Arena.ofAuto().allocate(2L * values.length, 64);
    Casts.fromFloat(MemorySegment.ofArray(values), values.length, dtype, halves);
    return new HostTensor(dtype, floats.shape(), halves);
  }

  private static float[] floats(QuantizedTensor tensor) {
    float[] out = new float[Math.toIntExact(tensor.shape().elements())];
    tensor.dequantize(DType.F32, MemorySegment.ofArray(out));
    for (int i = 0; i < out.length; i++) {
      out[i] += 0.0f; // -0 becomes 0: ggml's MXFP4 has one zero, that of OCP has two
    }
    return out;
  }
}
