package dev.fettle.benchmarks;

import dev.fettle.engine.Engine;
import dev.fettle.engine.ProcessMemory;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.finetune.FlatParameters;
import dev.fettle.finetune.Optimizer;
import dev.fettle.finetune.OptimizerKind;
import dev.fettle.finetune.TrainingOptions;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Time and peak memory of an optimizer's steps, without a model: matrices of 4096 × 1024 random
/// parameters with random gradients.
///
/// Arguments: `adamw_torch` or `adamw_8bit`, the number of matrices, steps. One optimizer per
/// process, because peak memory is the process's.
public final class OptimizerStep {
  private static final int ROWS = 4096;
  private static final int COLUMNS = 1024;

  private OptimizerStep() {}

  static void main(String[] args) {
    OptimizerKind kind = OptimizerKind.parse(args[0]);
    int matrices = Integer.parseInt(args[1]);
    double[] times = new double[Integer.parseInt(args[2])];
    Engine.load();
    List<Parameter> list = new ArrayList<>();
    TrainingOptions options = TrainingOptions.builder().optim(kind).build();
    try (Scope scope = Scope.open()) {
      for (int i = 0; i < matrices; i++) {
        list.add(new Parameter("p" + i, Tensors.normal(i, ROWS, COLUMNS).mulInPlace(0.02)));
      }
      try (FlatParameters parameters = new FlatParameters(list, DType.F32);
          Optimizer optimizer = Optimizer.create(parameters, options)) {
        for (int step = 0; step < times.length; step++) {
          fillGradients(list, step);
          long start = System.nanoTime();
          optimizer.step(1e-4);
          times[step] = (System.nanoTime() - start) / 1e9;
          check(list.getFirst());
        }
        report(kind, (long) matrices * ROWS * COLUMNS, optimizer.stateBytes(), times);
      }
    }
  }

  private static void fillGradients(List<Parameter> list, int step) {
    try (Scope scope = Scope.open()) {
      Tensor gradient = Tensors.normal(1000 + step, ROWS, COLUMNS).mulInPlace(1e-3);
      list.forEach(parameter -> parameter.grad().copyInPlace(gradient));
    }
  }

  /// Parameters moved, by about the learning rate, and gradients are cleared.
  private static void check(Parameter parameter) {
    if (!parameter.value().allFinite() || parameter.grad().sum().item() != 0) {
      throw new IllegalStateException("the step went wrong");
    }
  }

  private static void report(OptimizerKind kind, long parameters, long stateBytes, double[] times) {
    Arrays.sort(times);
    System.out.printf(
        Locale.ROOT,
        "%s, %.0f million parameters: state %.1f MB (%.3f bytes per parameter), peak resident %.0f MB, step median %.0f ms, best %.0f, worst %.0f of %d, %d threads%n",
        kind.text(),
        parameters / 1e6,
        stateBytes / 1e6,
        (double) stateBytes / parameters,
        ProcessMemory.peakResident() / 1e6,
        1e3 * times[times.length / 2],
        1e3 * times[0],
        1e3 * times[times.length - 1],
        times.length,
        Engine.threads());
  }
}
