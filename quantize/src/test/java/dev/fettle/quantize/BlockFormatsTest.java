package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What every format of small floating-point numbers and every block format of ggml keeps to.
class BlockFormatsTest {
  private static final int ROWS = 17;
  private static final int COLUMNS = 512;

  /// Largest error over the largest magnitude of the block of 32 (of the row for channels), on
  /// normal weights, from the widest gap between levels: FP4 half of 1/3; E4M3 and E5M2 half a step
  /// in the highest binade; MXFP4 one step, because a block's largest weight is at least 3.5 steps;
  /// NVFP4 1/6 times the rounding of the scale; Q4_0 and Q5_0 a whole step where the largest weight
  /// of the other sign is cut off; the others half a step and the rounding of scales to float16. K
  /// formats share six bits per scale among eight or sixteen blocks, for which a step is allowed;
  /// IQ4_NL half its widest step, and another half where the largest weight of the other sign is
  /// cut off.
  @ParameterizedTest
  @CsvSource({
    "fp4:group=64,0.1667",
    "fp4:group=64:double,0.19",
    "fp8_e4m3:channel,0.0358",
    "fp8_e4m3:tensor,0.0358",
    "fp8_e4m3:group=32,0.0358",
    "fp8_e4m3:block=3x200,0.0358",
    "fp8_e5m2:channel,0.0720",
    "mxfp4,0.2858",
    "nvfp4,0.18",
    "q8_0,0.0045",
    "q4_0,0.127",
    "q4_1,0.071",
    "q5_0,0.064",
    "q5_1,0.035",
    "q4_k,0.14",
    "q5_k,0.07",
    "q6_k,0.034",
    "iq4_nl,0.104",
    "mxfp4_ggml,0.2858"
  })
  void staysWithinItsErrorBound(String scheme, float bound) {
    for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16}) {
      HostTensor weight = TestWeights.normal(11, dtype, ROWS, COLUMNS);
      QuantizedTensor quantized = Quantizer.quantize(weight, Scheme.parse(scheme));
      assertThat(quantized.scheme()).isEqualTo(Scheme.parse(scheme));
      assertThat(quantized.originalDtype()).isEqualTo(dtype);
      float[] exact = weight.toFloats();
      float[] approximate = TestWeights.floats(quantized);
      int block = scheme.contains("channel") || scheme.contains("fp4:group") ? COLUMNS : 32;
      int shared = scheme.contains("tensor") || scheme.contains("x200") ? exact.length : block;
      for (int start = 0; start < exact.length; start += shared) {
        float largest = 0;
        float error = 0;
        for (int i = start; i < start + shared; i++) {
          largest = Math.max(largest, Math.abs(exact[i]));
          error = Math.max(error, Math.abs(exact[i] - approximate[i]));
        }
        assertThat(error / largest).as("%s of %s", scheme, dtype).isLessThanOrEqualTo(bound);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fp4:group=64",
        "fp4:group=64:double",
        "fp8_e4m3:tensor",
        "fp8_e5m2:group=128",
        "mxfp4",
        "nvfp4",
        "q8_0",
        "q5_1",
        "q2_k",
        "q3_k",
        "q4_k",
        "q6_k",
        "iq4_nl",
        "iq4_xs",
        "mxfp4_ggml"
      })
  void rowsAndDtypesAgreeWithTheWhole(String scheme) {
    HostTensor weight = TestWeights.normal(5, DType.BF16, ROWS, COLUMNS);
    QuantizedTensor quantized = Quantizer.quantize(weight, Scheme.parse(scheme));
    float[] floats = TestWeights.floats(quantized);
    for (DType target : new DType[] {DType.F32, DType.F16, DType.BF16}) {
      long row = (long) COLUMNS * target.bytes();
      MemorySegment expected = Arena.ofAuto().allocate(ROWS * row);
      Casts.fromFloat(MemorySegment.ofArray(floats), floats.length, target, expected);
      MemorySegment whole = Arena.ofAuto().allocate(ROWS * row);
      quantized.dequantize(target, whole);
      assertThat(whole.mismatch(expected)).as("%s", target).isEqualTo(-1);
      MemorySegment some = Arena.ofAuto().allocate(4 * row);
      quantized.dequantizeRows(3, 7, target, some);
      assertThat(some.mismatch(expected.asSlice(3 * row, 4 * row))).as("%s", target).isEqualTo(-1);
    }
  }

  /// Heap memory takes the scalar kernels.
  @ParameterizedTest
  @ValueSource(
      strings = {"fp4:group=64", "fp8_e4m3:channel", "mxfp4", "nvfp4", "q4_0", "q5_k", "iq4_xs"})
  void heapAndNativeMemoryAgree(String scheme) {
    HostTensor weight = TestWeights.normal(6, DType.F32, ROWS, COLUMNS);
    HostTensor heap = HostTensor.of(weight.toFloats(), ROWS, COLUMNS);
    QuantizedTensor ofNative = Quantizer.quantize(weight, Scheme.parse(scheme));
    QuantizedTensor ofHeap = Quantizer.quantize(heap, Scheme.parse(scheme));
    assertThat(TestWeights.floats(ofHeap)).isEqualTo(TestWeights.floats(ofNative));
    float[] out = new float[ROWS * COLUMNS];
    ofNative.dequantize(DType.F32, MemorySegment.ofArray(out));
    assertThat(out).isEqualTo(TestWeights.floats(ofNative));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fp4:group=64",
        "fp4:group=64:double",
        "fp8_e4m3:tensor",
        "fp8_e4m3:channel",
        "fp8_e5m2:group=32",
        "mxfp4",
        "nvfp4",
        "q8_0",
        "q4_0",
        "q4_1",
        "q5_0",
        "q5_1",
        "q2_k",
        "q3_k",
        "q4_k",
        "q5_k",
        "q6_k",
        "iq4_nl",
        "iq4_xs",
        "mxfp4_ggml"
      })
  void zerosAndConstantsSurvive(String scheme) {
    HostTensor zeros = TestWeights.of(new float[2 * 256], DType.BF16, 2, 256);
    QuantizedTensor quantized = Quantizer.quantize(zeros, Scheme.parse(scheme));
    for (float zero : TestWeights.floats(quantized)) {
      assertThat(Math.abs(zero)).isEqualTo(0f); // ggml's may be -0.0
    }
    float[] values = new float[2 * 256];
    Arrays.fill(values, 0, 256, 0.5f); // the second row stays zero
    HostTensor constant = TestWeights.of(values, DType.F32, 2, 256);
    float[] back = TestWeights.floats(Quantizer.quantize(constant, Scheme.parse(scheme)));
    for (int i = 0; i < back.length; i++) {
      assertThat(back[i]).isCloseTo(values[i], within(0.005f));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "fp4:group=64,NaN,BF16",
    "fp8_e4m3:channel,Infinity,F16",
    "fp8_e5m2:tensor,NaN,F32",
    "mxfp4,-Infinity,BF16",
    "nvfp4,NaN,F32",
    "q8_0,NaN,BF16",
    "q4_0,Infinity,F32",
    "q6_k,70000,F32"
  })
  void namesTheWeightThatIsNotFinite(String scheme, float bad, DType dtype) {
    float[] values = new float[9 * COLUMNS];
    values[7 * COLUMNS + 131] = bad;
    HostTensor weight = TestWeights.of(values, dtype, 9, COLUMNS);
    assertThatThrownBy(
            () -> Quantizer.quantize("a.weight", weight, Scheme.parse(scheme), Arena.ofAuto()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.weight")
        .hasMessageContaining("[7, 131]");
  }

  @ParameterizedTest
  @CsvSource({
    "fp8_e4m3:group=64,100",
    "mxfp4,48",
    "nvfp4,24",
    "q8_0,48",
    "q5_1,16",
    "q4_k,288",
    "q6_k,32"
  })
  void refusesRowsThatItsBlocksDoNotDivide(String scheme, int columns) {
    HostTensor weight = TestWeights.normal(1, DType.F32, 3, columns);
    assertThatThrownBy(
            () -> Quantizer.quantize("a.weight", weight, Scheme.parse(scheme), Arena.ofAuto()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.weight")
        .hasMessageContaining("rows of " + columns);
  }
}
