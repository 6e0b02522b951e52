package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The formula of scale and zero point, on worked examples and on random ranges.
class AffineGridTest {
  @ParameterizedTest(name = "[{1}, {2}] to {0}: scale {3}, zero point {4}")
  @CsvSource({
    // scheme, xmin, xmax, scale, zero point
    "uint8:sym:tensor, 0, 1000, 3.9215686, 0",
    "uint8:asym:tensor, -20, 1000, 4.0, 5",
    "int8:asym:tensor, -20, 1000, 4.0, -123",
    "int8:sym:tensor, -1000, 1000, 7.8431373, 0",
    "int8:sym:tensor:restricted, -1000, 1000, 7.874016, 0",
    "uint8:sym:tensor, -1000, 1000, 7.8431373, 128",
    "int4:sym:tensor, -7.5, 3, 1.0, 0",
    "uint8:asym:tensor, 10, 1000, 3.9215686, 0",
    "uint8:asym:tensor, -1000, -10, 3.9215686, 255",
    "uint2:asym:tensor, 0, 3, 1.0, 0",
    "int8:sym:tensor, 0, 0, 1.0, 0",
    "uint8:sym:tensor, 0, 0, 1.0, 128",
    "int8:asym:tensor, 0, 0, 1.0, 0"
  })
  void scaleAndZeroPoint(String scheme, float min, float max, float scale, int zeroPoint) {
    AffineParameters parameters = grid(scheme).parameters(min, max);
    assertThat(parameters).isEqualTo(new AffineParameters(scale, zeroPoint));
  }

  @ParameterizedTest(name = "[{1}, {2}] to {0}: {3} is {4}")
  @CsvSource({
    "uint8:sym:tensor, 0, 1000, 250, 64",
    "uint8:sym:tensor, 0, 1000, 1000, 255",
    "uint8:asym:tensor, -20, 1000, -20, 0",
    "uint8:asym:tensor, -20, 1000, 0, 5",
    "uint8:asym:tensor, -20, 1000, 1000, 255",
    "int8:asym:tensor, -20, 1000, -20, -128",
    "int8:asym:tensor, -20, 1000, 1000, 127",
    "int8:sym:tensor, -1000, 1000, -1000, -128",
    "int8:sym:tensor, -1000, 1000, 1000, 127",
    "int8:sym:tensor:restricted, -1000, 1000, -1000, -127",
    "uint8:asym:tensor, -20, 1000, 1e30, 255",
    "uint8:asym:tensor, -20, 1000, -1e30, 0"
  })
  void quantizes(String scheme, float min, float max, float value, int q) {
    AffineGrid grid = grid(scheme);
    assertThat(grid.parameters(min, max).quantize(value, grid)).isEqualTo(q);
  }

  @ParameterizedTest
  @CsvSource({"int8:sym:tensor", "uint8:asym:tensor", "int4:asym:tensor", "int2:sym:tensor"})
  void zeroIsExactAndErrorsStayWithinHalfAStep(String scheme) {
    AffineGrid grid = grid(scheme);
    for (int seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      float min = (float) -Math.exp(random.nextGaussian() * 10);
      float max = (float) Math.exp(random.nextGaussian() * 10);
      AffineParameters parameters = grid.parameters(min, max);
      assertThat(parameters.dequantize(parameters.quantize(0, grid))).isZero();
      float x = min + (max - min) * random.nextFloat();
      float error = Math.abs(parameters.dequantize(parameters.quantize(x, grid)) - x);
      // a full-range symmetric grid clips its upper end by half a step; the last part is rounding
      assertThat(error).as("seed %d", seed).isLessThanOrEqualTo(parameters.scale() * 0.51f);
    }
  }

  @ParameterizedTest
  @CsvSource({"int8:sym:tensor", "uint8:asym:tensor"})
  void extremeRanges(String scheme) {
    AffineGrid grid = grid(scheme);
    float huge = Float.MAX_VALUE;
    assertThat(grid.parameters(-huge, huge).scale()).isFinite().isPositive();
    assertThat(grid.parameters(0, Float.MIN_VALUE).scale()).isPositive();
    assertThatThrownBy(() -> grid.parameters(Float.NaN, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> grid.parameters(0, Float.POSITIVE_INFINITY))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static AffineGrid grid(String scheme) {
    return ((Scheme.Affine) Scheme.parse(scheme)).grid();
  }
}
