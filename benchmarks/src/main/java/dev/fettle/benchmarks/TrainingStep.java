package dev.fettle.benchmarks;

import dev.fettle.engine.Engine;
import dev.fettle.engine.ProcessMemory;
import dev.fettle.finetune.FlatParameters;
import dev.fettle.finetune.Optimizer;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.finetune.TrainingOptions;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/// Tokens per second and peak memory of LoRA and QLoRA steps at the shape of TinyLlama-1.1B with
/// random weights: batch 2 × 256 tokens, r = 8 on all linear layers, bfloat16 compute. The
/// counterpart for PEFT is `tools/golden/bench_peft.py`.
///
/// Arguments: `lora` or `qlora`, the model folder (made if it does not exist), steps, `recompute`
/// or `keep`. One method per process, because peak memory is the process's.
public final class TrainingStep {
  private static final int BATCH = 2;
  private static final int LENGTH = 256;
  private static final int RANK = 8;
  private static final double LEARNING_RATE = 1e-4;

  private TrainingStep() {}

  static void main(String[] args) {
    TrainingMethod method = TrainingMethod.parse(args[0]);
    Path folder = Path.of(args[1]);
    int steps = Integer.parseInt(args[2]);
    boolean recompute = args[3].equals("recompute");
    Engine.load();
    if (!Files.exists(folder)) {
      RandomCheckpoint.write(folder, RandomCheckpoint.tinyLlama(), List.of());
    }
    LoadOptions options = LoadOptions.defaults().withComputeDtype(DType.BF16);
    if (method == TrainingMethod.QLORA) {
      options = options.withQuantizeOnLoad(new Scheme.Nf4(64, true));
    }
    long start = System.nanoTime();
    try (CausalLm model = CausalLm.load(folder, options);
        LoraAdapter adapter =
            LoraAdapter.attach(model, LoraConfig.of(RANK, 16, new TargetModules.AllLinear()), 1);
        FlatParameters parameters = new FlatParameters(adapter.parameters(), model.computeDtype());
        Optimizer optimizer =
            Optimizer.create(parameters, TrainingOptions.builder().maxSteps(steps + 1).build())) {
      double loading = seconds(start);
      double[] times = new double[steps];
      for (int step = 0; step <= steps; step++) {
        double time = step(model, parameters, optimizer, recompute, step);
        if (step > 0) { // the first warms up
          times[step - 1] = time;
        }
      }
      report(method, recompute, loading, times);
    }
  }

  private static double step(
      CausalLm model, FlatParameters parameters, Optimizer optimizer, boolean recompute, int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[][] ids = new int[BATCH][LENGTH];
    for (int[] row : ids) {
      Arrays.setAll(row, i -> random.nextInt(model.config().vocabSize()));
    }
    long start = System.nanoTime();
    double loss =
        model.lossAndGradients(
            ids, ids, new CausalLm.StepOptions(1.0 / (BATCH * (LENGTH - 1)), recompute, 0L));
    checkGradient(parameters.gradNorm());
    optimizer.step(LEARNING_RATE);
    double time = seconds(start);
    double mean = loss / (BATCH * (LENGTH - 1));
    double uniform = Math.log(model.config().vocabSize());
    if (Math.abs(mean - uniform) > 2) {
      throw new IllegalStateException(
          "a random model predicts uniformly: expected a loss near " + uniform + ", got " + mean);
    }
    System.err.printf(Locale.ROOT, "step %.3f s, loss %.4f%n", time, mean);
    return time;
  }

  private static void checkGradient(double norm) {
    if (!(norm > 0 && Double.isFinite(norm))) {
      throw new IllegalStateException("the gradient has norm " + norm);
    }
  }

  private static void report(
      TrainingMethod method, boolean recompute, double loading, double[] times) {
    double[] sorted = times.clone();
    Arrays.sort(sorted);
    double median = sorted[sorted.length / 2];
    System.out.printf(
        Locale.ROOT,
        "%s %s: %.1f tokens/s (median step %.2f s, best %.2f, worst %.2f, %d steps), peak resident %.2f GB, loading%s %.1f s, %d threads%n",
        method.text(),
        recompute ? "with recomputation" : "keeping activations",
        BATCH * LENGTH / median,
        median,
        sorted[0],
        sorted[sorted.length - 1],
        times.length,
        ProcessMemory.peakResident() / 1e9,
        method == TrainingMethod.QLORA ? " and quantizing" : "",
        loading,
        Engine.threads());
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
