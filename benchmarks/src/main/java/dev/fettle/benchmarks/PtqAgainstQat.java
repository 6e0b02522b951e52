package dev.fettle.benchmarks;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.demo.EmbeddedModel;
import dev.fettle.demo.world.World;
import dev.fettle.engine.Engine;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.finetune.Finetune;
import dev.fettle.finetune.FinetuneRequest;
import dev.fettle.finetune.LearningRateSchedule;
import dev.fettle.finetune.QatOptions;
import dev.fettle.finetune.TrainingListener;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.finetune.TrainingOptions;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.CheckpointInspection;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.StoredWeight;
import dev.fettle.tensor.DType;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Post-training quantization against quantization-aware training on one model: perplexity and
/// next-token accuracy on held-out text, bits per weight, and what each costs in time.
///
/// So that QAT is not credited with mere training, the float model is trained for the same steps on
/// the same text and quantized afterwards as well. Everything is round to nearest, min-max ranges.
///
/// Arguments: `embedded` or a model folder, a work folder, steps, then the training text and the
/// held-out text (not for `embedded`, which reads the small world's prose).
public final class PtqAgainstQat {
  private static final List<String> SCHEMES =
      List.of("int8:sym:channel", "int4:sym:group=32", "int3:sym:group=32", "int3:sym:channel");
  private static final int LENGTH = 128;
  private static final int BATCH = 8;
  private static final double LEARNING_RATE = 1e-4;
  private static final int HELD_OUT_TOKENS = 16_384;
  private static final int WORLD_CHARACTERS = 3_000_000;

  private final Path model;
  private final Path work;
  private final int steps;
  private final Path train;
  private final Path heldOut;

  private PtqAgainstQat(Path model, Path work, int steps, Path train, Path heldOut) {
    this.model = model;
    this.work = work;
    this.steps = steps;
    this.train = train;
    this.heldOut = heldOut;
  }

  static void main(String[] args) throws IOException {
    Engine.load();
    Path work = Path.of(args[1]);
    int steps = Integer.parseInt(args[2]);
    Files.createDirectories(work);
    if (args[0].equals("embedded")) {
      Path model = Files.createDirectories(work.resolve("embedded"));
      EmbeddedModel.copyTo(model);
      Path train = work.resolve("train.txt");
      Path held = work.resolve("held-out.txt");
      AtomicFiles.writeString(train, World.prose(1, WORLD_CHARACTERS));
      AtomicFiles.writeString(held, World.prose(2, 8 * HELD_OUT_TOKENS));
      new PtqAgainstQat(model, work, steps, train, held).run();
    } else {
      new PtqAgainstQat(Path.of(args[0]), work, steps, Path.of(args[3]), Path.of(args[4])).run();
    }
  }

  private void run() {
    System.out.println(
        "| weights | how | perplexity | next token right | bits per weight | seconds |");
    System.out.println("|---|---|---|---|---|---|");
    row("bfloat16", "as it is", model, 0);
    long start = System.nanoTime();
    Path trained = finetune("trained", TrainingMethod.FULL, null);
    double trainSeconds = seconds(start);
    row("bfloat16", "trained " + steps + " steps more", trained, trainSeconds);
    for (String text : SCHEMES) {
      Scheme scheme = Scheme.parse(text);
      String name = text.replaceAll("[:=]", "-");
      start = System.nanoTime();
      Path ptq = quantize(model, "ptq-" + name, scheme);
      row(text, "PTQ", ptq, seconds(start));
      start = System.nanoTime();
      Path after = quantize(trained, "trained-ptq-" + name, scheme);
      row(text, "trained, then PTQ", after, trainSeconds + seconds(start));
      start = System.nanoTime();
      Path lora = finetune("qat-lora-" + name, TrainingMethod.QAT_LORA, QatOptions.of(scheme));
      row(text, "QAT + LoRA (r = 8)", lora, seconds(start));
      start = System.nanoTime();
      Path qat = finetune("qat-" + name, TrainingMethod.QAT, QatOptions.of(scheme));
      row(text, "QAT", qat, seconds(start));
    }
  }

  private Path quantize(Path from, String name, Scheme scheme) {
    Path output = work.resolve(name);
    CheckpointQuantizer.quantize(
        from, output, QuantizeOptions.of(scheme).withOverwrite(true), tensor -> {});
    return output;
  }

  private Path finetune(String name, TrainingMethod method, @Nullable QatOptions qat) {
    Path output = work.resolve(name);
    AtomicFolder.delete(output);
    Finetune.run(
        FinetuneRequest.builder(model, train, output)
            .method(method)
            .qat(qat)
            .dataset(DatasetOptions.of(LENGTH))
            .lora(LoraConfig.of(8, 16, new TargetModules.AllLinear()))
            .computeDtype(DType.BF16)
            .options(
                TrainingOptions.builder()
                    .maxSteps(steps)
                    .batchSize(BATCH)
                    .learningRate(LEARNING_RATE)
                    .lrScheduler(LearningRateSchedule.Shape.COSINE)
                    .warmupSteps(steps / 20)
                    .saveSteps(0)
                    .build())
            .build(),
        TrainingListener.NONE);
    return output;
  }

  /// Measured in float32, so that only the weights differ.
  private void row(String weights, String how, Path folder, double seconds) {
    int[] ids;
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      ids = tokenizer.encode(read(heldOut), true);
    }
    double loss = 0;
    long right = 0;
    long count = 0;
    try (CausalLm lm = CausalLm.load(folder, LoadOptions.defaults().withComputeDtype(DType.F32))) {
      int end = Math.min(ids.length, HELD_OUT_TOKENS);
      for (int from = 0; from + LENGTH <= end; from += LENGTH) {
        int[] window = Arrays.copyOfRange(ids, from, from + LENGTH);
        for (float token : lm.negativeLogLikelihoods(new int[][] {window}, new int[][] {window})) {
          loss += token;
        }
        right += right(lm, window);
        count += LENGTH - 1;
      }
    }
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %.3f | %.1f %% | %.2f | %.0f |%n",
        weights,
        how,
        Math.exp(loss / count),
        100.0 * right / count,
        bits(folder),
        seconds);
  }

  private static long right(CausalLm lm, int[] window) {
    long right = 0;
    try (Scope scope = Scope.open()) {
      Tensor best = lm.logits(new int[][] {window}).argmax();
      MemorySegment found = best.contiguous().segment();
      for (int i = 0; i + 1 < window.length; i++) {
        right += found.getAtIndex(ValueLayout.JAVA_LONG, i) == window[i + 1] ? 1 : 0;
      }
    }
    return right;
  }

  /// Of the linear layers, everything stored for them included.
  private static double bits(Path folder) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      CheckpointInspection inspection = CheckpointInspection.of(checkpoint);
      long bytes = 0;
      long parameters = 0;
      for (StoredWeight weight : inspection.weights()) {
        if (weight.name().endsWith("_proj.weight")) {
          bytes += weight.bytes();
          parameters += weight.parameters();
        }
      }
      return 8.0 * bytes / parameters;
    }
  }

  private static String read(Path text) {
    try {
      return Files.readString(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
