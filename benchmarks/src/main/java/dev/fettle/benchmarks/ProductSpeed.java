package dev.fettle.benchmarks;

import dev.fettle.engine.Engine;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.AffineIntegerLinear;
import dev.fettle.model.LlmInt8Linear;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.LlmInt8Tensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.quantize.matvec.MatVec;
import dev.fettle.tensor.DType;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

/// Time of one linear layer of TinyLlama's widest shape, 5632 × 2048, in bfloat16, on packed
/// weights and on integers, for one row (decoding) and for many (prompts, training). Sixteen
/// weights are taken in turn, so that they come from memory and not from a cache.
///
/// Arguments: the numbers of rows. Every result is compared with the float32 product.
public final class ProductSpeed {
  private static final int OUT = 5632;
  private static final int IN = 2048;
  private static final int WEIGHTS = 16;
  private static final int ROUNDS = 7;

  /// Relative error that 4-bit weights have at most; 8 bits are far below.
  private static final double LARGEST_ERROR = 0.2;

  private ProductSpeed() {}

  static void main(String[] args) {
    Engine.load();
    try (Arena arena = Arena.ofShared();
        Scope scope = Scope.open()) {
      List<Tensor> weights = new ArrayList<>();
      for (int i = 0; i < WEIGHTS; i++) {
        try (Scope inner = Scope.open()) {
          weights.add(scope.adopt(Tensors.normal(i, OUT, IN).mulInPlace(0.02).to(DType.BF16)));
        }
      }
      for (String rows : args) {
        measureAll(Integer.parseInt(rows), weights, arena);
      }
    }
  }

  private static void measureAll(int rows, List<Tensor> weights, Arena arena) {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensors.normal(99, rows, IN).to(DType.BF16);
      Tensor exact = x.to(DType.F32).linear(weights.getFirst().to(DType.F32));
      System.out.printf(Locale.ROOT, "%d rows, %d threads%n", rows, Engine.threads());
      measure("bfloat16", 2, rows, exact, i -> x.linear(weights.get(i)));
      for (String text :
          List.of(
              "int8:sym:channel",
              "int4:sym:group=128",
              "nf4:group=64",
              "llm.int8",
              "q8_0",
              "q4_0",
              "q4_k",
              "q5_k",
              "q6_k",
              "iq4_xs")) {
        List<QuantizedTensor> packed = quantize(weights, text, arena);
        double bytes = (double) packed.getFirst().byteSize() / OUT / IN;
        Tensor scratch = Tensors.empty(DType.BF16, OUT, IN);
        measure(
            text + " dequantized, then bfloat16",
            bytes,
            rows,
            exact,
            i -> {
              packed.get(i).dequantize(DType.BF16, scratch.segment());
              return x.linear(scratch);
            });
        measure(text + " as packed", bytes, rows, exact, i -> asPacked(packed.get(i), x));
        if (text.contains("int8")) {
          integers(text, packed, bytes, rows, exact, x);
        }
      }
    }
  }

  private static List<QuantizedTensor> quantize(List<Tensor> weights, String text, Arena arena) {
    Scheme scheme = Scheme.parse(text);
    return weights.stream()
        .map(weight -> Quantizer.quantize("w", weight.hostView(), scheme, arena))
        .toList();
  }

  private static Tensor asPacked(QuantizedTensor weight, Tensor x) {
    int rows = (int) x.size(0);
    float[] y = new float[rows * OUT];
    new MatVec(weight, DType.BF16).multiply(x.toFloats(), rows, y);
    return Tensors.of(y, rows, OUT).to(DType.BF16);
  }

  private static void integers(
      String text, List<QuantizedTensor> packed, double bytes, int rows, Tensor exact, Tensor x) {
    if (packed.getFirst() instanceof AffineTensor) {
      AffineGrid grid = new AffineGrid(8, true, Symmetry.SYMMETRIC);
      List<AffineIntegerLinear> products =
          packed.stream()
              .map(w -> new AffineIntegerLinear("w", (AffineTensor) w, grid, null))
              .toList();
      measure(
          text + " on integers, int8:sym:token",
          bytes,
          rows,
          exact,
          i -> products.get(i).apply("w", x));
    } else {
      List<LlmInt8Linear> products =
          packed.stream().map(w -> new LlmInt8Linear("w", (LlmInt8Tensor) w, 6)).toList();
      measure(text + " on integers", bytes, rows, exact, i -> products.get(i).apply("w", x));
    }
  }

  private static void measure(
      String name, double bytes, int rows, Tensor exact, IntFunction<Tensor> product) {
    double[] times = new double[ROUNDS];
    for (int round = -2; round < ROUNDS; round++) { // two to warm up
      long start = System.nanoTime();
      for (int i = 0; i < WEIGHTS; i++) {
        try (Scope scope = Scope.open()) {
          Tensor y = product.apply(i);
          if (round == -2 && i == 0) {
            check(name, y, exact);
          }
        }
      }
      if (round >= 0) {
        times[round] = (System.nanoTime() - start) / 1e9 / WEIGHTS;
      }
    }
    Arrays.sort(times);
    double best = times[0];
    System.out.printf(
        Locale.ROOT,
        "  %-44s median %8.3f ms, best %8.3f, worst %8.3f; best: %6.1f GB/s of weights, %6.1f GFLOP/s%n",
        name,
        1e3 * times[ROUNDS / 2],
        1e3 * best,
        1e3 * times[ROUNDS - 1],
        bytes * OUT * IN / best / 1e9,
        2.0 * rows * OUT * IN / best / 1e9);
  }

  private static void check(String name, Tensor y, Tensor exact) {
    Tensor difference = y.to(DType.F32).sub(exact);
    double error =
        Math.sqrt(difference.mul(difference).sum().item() / exact.mul(exact).sum().item());
    if (!(error < LARGEST_ERROR)) {
      throw new IllegalStateException(name + " is off by " + error);
    }
  }
}
