package dev.fettle.cli;

import dev.fettle.finetune.OptimizerKind;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.finetune.TrainingWork;
import dev.fettle.plan.Work;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The options of other verbs that change what their work takes, for `fettle plan`.
final class WorkOptions {
  @Mixin SchemeOptions schemes = new SchemeOptions();

  @Option(
      names = "--algorithm",
      paramLabel = "NAME",
      description = "Of quantize: rtn, gptq, awq, smoothquant or adaround (default: rtn).")
  String algorithm = "rtn";

  @Option(
      names = "--compute-dtype",
      paramLabel = "DTYPE",
      description = "float32 or bfloat16 (default: the model's own).")
  @Nullable String computeDtype;

  @Option(
      names = "--seq-length",
      paramLabel = "N",
      description = "Longest sample, or a window of evaluate, in tokens (default: 512).")
  int seqLength = 512;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      description = "Of generate, chat and serve: tokens of the prompt (default: 512).")
  int promptTokens = 512;

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "Of generate, chat and serve: tokens of the answer (default: 128).")
  int newTokens = 128;

  @Option(
      names = {"--samples", "--calibration-samples"},
      paramLabel = "N",
      description = "Of quantize with an algorithm: texts it looks at (default: 128).")
  int samples = 128;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "The text, whose size counts; it is not read.")
  @Nullable Path data;

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      description = "Of merge, export and convert: dtype of the result (default: the model's).")
  @Nullable String dtype;

  /// A piece of work and what it is called in the table.
  record Named(String name, Work work) {}

  /// One line for each kind of work.
  List<Named> overview(LoraOptions lora, TrainingArguments training) {
    List<Named> all = new ArrayList<>();
    all.add(new Named("finetune --method full", training("full", lora, training)));
    if (OptimizerKind.parse(training.optim) == OptimizerKind.ADAMW_TORCH) {
      Work.Training full = (Work.Training) training("full", lora, training);
      all.add(
          new Named(
              "finetune --method full --optim adamw_8bit",
              full.withMoments(Work.Moments.EIGHT_BIT)));
    }
    Scheme chosen = schemes.scheme();
    for (String method : List.of("lora", "qlora", "qat")) {
      all.add(new Named("finetune --method " + method, training(method, lora, training)));
    }
    Scheme scheme = chosen == null ? new Scheme.Nf4(64, false) : chosen;
    all.add(new Named("quantize --scheme " + scheme, new Work.Rewriting(scheme, null, false)));
    all.add(
        new Named(
            "quantize --algorithm gptq",
            new Work.Blockwise("gptq", compute(), integers(), seqLength, samples)));
    all.add(new Named("evaluate", evaluation()));
    all.add(new Named("generate", generation(null)));
    all.add(new Named("generate --load-in-4bit", generation(new Scheme.Nf4(64, false))));
    return all;
  }

  private static Scheme integers() {
    return Scheme.parse("int4:sym:group=128");
  }

  Work training(String name, LoraOptions lora, TrainingArguments training) {
    TrainingMethod method = TrainingMethod.parse(name);
    Scheme scheme = schemes.scheme();
    Scheme rounding = null;
    if (method.quantizationAware()) {
      rounding = scheme == null ? integers() : scheme;
    }
    return TrainingWork.of(
        method,
        lora.config(),
        method == TrainingMethod.LORA ? scheme : null,
        rounding,
        compute(),
        training.options(),
        atLeast("--seq-length", seqLength, 2),
        textBytes());
  }

  Work generation() {
    return generation(schemes.scheme());
  }

  private Work generation(@Nullable Scheme base) {
    return new Work.Generation(
        compute(),
        base,
        null,
        atLeast("--prompt-tokens", promptTokens, 1),
        atLeast("--max-new-tokens", newTokens, 1),
        true);
  }

  Work evaluation() {
    return new Work.Evaluation(compute(), atLeast("--seq-length", seqLength, 2), 0, textBytes(), 0);
  }

  Work quantization() {
    Scheme scheme = schemes.scheme();
    if (!AlgorithmOptions.ALGORITHMS.contains(algorithm)) {
      throw new UserException(
          "Unknown algorithm '%s'; choose one of %s."
              .formatted(algorithm, String.join(", ", AlgorithmOptions.ALGORITHMS)));
    }
    if (algorithm.equals("rtn")) {
      return new Work.Rewriting(scheme == null ? new Scheme.Nf4(64, false) : scheme, null, false);
    }
    return new Work.Blockwise(
        algorithm,
        compute(),
        scheme == null ? integers() : scheme,
        atLeast("--seq-length", seqLength, 1),
        atLeast("--samples", samples, 1));
  }

  Work calibration(int batchSize) {
    return new Work.Calibration(
        compute(),
        atLeast("--batch-size", batchSize, 1),
        atLeast("--seq-length", seqLength, 1),
        (long) samples * seqLength);
  }

  Work rewriting(boolean adapter) {
    return new Work.Rewriting(schemes.scheme(), dtype == null ? null : DType.parse(dtype), adapter);
  }

  private @Nullable DType compute() {
    return computeDtype == null ? null : DType.parse(computeDtype);
  }

  private static int atLeast(String option, int value, int least) {
    if (value < least) {
      throw new UserException(option + " must be " + least + " or more, not " + value + ".");
    }
    return value;
  }

  private long textBytes() {
    return textBytes(data);
  }

  /// Size of several text files together.
  static long textBytes(List<Path> files) {
    return files.stream().mapToLong(WorkOptions::textBytes).sum();
  }

  /// Size of a text file; 0 if there is none.
  static long textBytes(@Nullable Path file) {
    try {
      return file == null || !Files.isRegularFile(file) ? 0 : Files.size(file);
    } catch (IOException e) {
      return 0; // whoever reads it says what is wrong
    }
  }
}
