package dev.fettle.plan;

import dev.fettle.engine.Engine;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.lang.foreign.Arena;

/// Measures the rates of this machine in about a second: products of 512 tokens with a layer of
/// 2048 × 2048, products of one token with 64 MiB of weights, and NF4 both ways.
public final class RateProbe {
  private static final long TOKENS = 512;
  private static final long WIDTH = 2048;
  private static final long LONG = 16_384;

  /// Seconds that each measurement runs at least, after one pass that warms up.
  private static final double ENOUGH = 0.12;

  private RateProbe() {}

  /// @throws dev.fettle.tensor.UserException if the native library cannot be loaded
  public static MachineRates measure() {
    Engine.load();
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      Tensor weight = Tensors.normal(1, WIDTH, WIDTH);
      Tensor wide = Tensors.normal(2, LONG, WIDTH).to(DType.BF16);
      QuantizedTensor packed =
          Quantizer.quantize("weight", weight.hostView(), new Scheme.Nf4(64, true), arena);
      Tensor target = Tensors.empty(DType.BF16, WIDTH, WIDTH);
      return new MachineRates(
          products(weight, DType.BF16),
          products(weight, DType.F32),
          2.0 * LONG * WIDTH / seconds(reading(wide)),
          WIDTH * WIDTH / seconds(() -> packed.dequantize(DType.BF16, target.segment())),
          WIDTH * WIDTH / seconds(quantizing(weight)),
          "measured on this machine");
    }
  }

  private static double products(Tensor weight, DType dtype) {
    try (Scope scope = Scope.open()) {
      Tensor w = weight.to(dtype);
      Tensor x = Tensors.normal(3, TOKENS, WIDTH).to(dtype);
      double each =
          seconds(() -> {
            try (Scope local = Scope.open()) {
              Tensor _ = x.linear(w);
            }
          });
      return 2.0 * TOKENS * WIDTH * WIDTH / each;
    }
  }

  private static Runnable reading(Tensor wide) {
    Tensor x = Tensors.normal(4, 1, WIDTH).to(DType.BF16);
    return () -> {
      try (Scope local = Scope.open()) {
        Tensor _ = x.linear(wide);
      }
    };
  }

  private static Runnable quantizing(Tensor weight) {
    return () -> {
      try (Arena arena = Arena.ofShared()) {
        QuantizedTensor _ =
            Quantizer.quantize("weight", weight.hostView(), new Scheme.Nf4(64, true), arena);
      }
    };
  }

  /// Of one run.
  private static double seconds(Runnable work) {
    work.run();
    long start = System.nanoTime();
    int runs = 0;
    double passed;
    do {
      work.run();
      runs++;
      passed = (System.nanoTime() - start) / 1e9;
    } while (passed < ENOUGH);
    return passed / runs;
  }
}
