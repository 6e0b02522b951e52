package dev.fettle.cli;

import dev.fettle.calibrate.ActivationStatistics;
import dev.fettle.calibrate.Calibration;
import dev.fettle.calibrate.StatisticsImatrix;
import dev.fettle.plan.Work;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.observe.Observer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `fettle calibrate`: statistics of a model's activations on a text.
@Command(
    name = "calibrate",
    header = "Watch a model's activations on a text; show and merge such statistics.",
    description = {
      "One pass over --data collects, for the input of every linear layer, range, histogram and"
          + " what each channel is like, and writes it to --output. The table says which range"
          + " --observer chooses, and its scale and zero point for --scheme; the file serves all"
          + " observers and schemes.",
      "--show prints the table of a file; --merge adds files of the same model. --imatrix writes how"
          + " large each channel is as an importance matrix, for export to GGUF or llama.cpp."
    },
    footer = {
      "  fettle calibrate --model MODEL --data calibration.txt --output statistics.json",
      "  fettle calibrate --model MODEL --data calibration.txt --imatrix imatrix.gguf",
      "  fettle calibrate --show statistics.json --observer mse --scheme uint8:asym:tensor"
    })
final class CalibrateVerb extends Verb {
  @Option(
      names = "--model",
      paramLabel = "FOLDER",
      description = "Model folder in Hugging Face layout, or a GGUF file.")
  @Nullable Path model;

  @Mixin CalibrationDataOptions text = new CalibrationDataOptions();

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where the statistics go; a file that is there is replaced.")
  @Nullable Path output;

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description =
          "Where an importance matrix goes, in llama.cpp's GGUF form; a file that is there is"
              + " replaced.")
  @Nullable Path imatrix;

  @Option(
      names = "--show",
      paramLabel = "FILE",
      description = "Only print what a file of statistics says.")
  @Nullable Path show;

  @Option(
      names = "--merge",
      paramLabel = "FILE",
      description = "Add the statistics of an earlier run on the same model; may be repeated.")
  List<Path> merge = List.of();

  @Option(
      names = "--observer",
      paramLabel = "NAME",
      description =
          "Rule that chooses the range: min-max, moving-average:0.01, percentile:99.99, entropy or"
              + " mse (default: min-max).")
  String observer = "min-max";

  @Option(
      names = "--scheme",
      paramLabel = "SCHEME",
      description = "Grid that the range is laid over (default: int8:sym:tensor).")
  String scheme = "int8:sym:tensor";

  @Option(
      names = "--compute-dtype",
      paramLabel = "DTYPE",
      description = "float32 or bfloat16 (default: the model's own).")
  @Nullable String computeDtype;

  @Option(
      names = "--nan-policy",
      paramLabel = "POLICY",
      description = "What a NaN or infinite activation does: refuse, or zero (default: refuse).")
  String nanPolicy = "refuse";

  @Mixin PlanOptions plan = new PlanOptions();

  CalibrateVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    Observer rule = Observer.parse(observer);
    Scheme.Affine grid = grid();
    ActivationStatistics statistics = statistics(console);
    for (Path file : show == null && text.data == null ? merge.subList(1, merge.size()) : merge) {
      statistics.merge(ActivationStatistics.load(file));
    }
    CalibrateAnswer answer = new CalibrateAnswer(statistics, rule, grid);
    answer.print(console.out());
    if (output != null) {
      console.stop().check();
      statistics.save(output);
      writeRunFile(output.resolveSibling(output.getFileName() + ".run.yaml"));
      console.out().println("written to " + output);
    }
    if (imatrix != null) {
      console.stop().check();
      StatisticsImatrix.of(statistics).save(imatrix);
      writeRunFile(imatrix.resolveSibling(imatrix.getFileName() + ".run.yaml"));
      console.out().println("importance matrix written to " + imatrix);
    }
    plan.report(console);
    return Answer.of(
        plan.add(
            answer
                .json()
                .put("output", output == null ? null : output.toString())
                .put("imatrix", imatrix == null ? null : imatrix.toString())));
  }

  private Scheme.Affine grid() {
    if (Scheme.parse(scheme) instanceof Scheme.Affine affine
        && affine.granularity() instanceof Granularity.PerTensor) {
      return affine;
    }
    throw new UserException(
        "--scheme "
            + scheme
            + " has no scale and zero point to calibrate; choose integers per tensor, such as"
            + " int8:sym:tensor or uint8:asym:tensor.");
  }

  private ActivationStatistics statistics(Console console) {
    if (show != null) {
      if (text.data != null || model != null) {
        throw usage("--show prints a file; it goes without --model and --data");
      }
      return ActivationStatistics.load(show);
    }
    if (text.data == null && !merge.isEmpty()) {
      return ActivationStatistics.load(merge.getFirst());
    }
    if (model == null || text.data == null || (output == null && imatrix == null)) {
      throw usage(
          "Give --model, --data and --output or --imatrix; or --show FILE; or --merge FILE --merge FILE");
    }
    return collect(console, model, text.data);
  }

  private ActivationStatistics collect(Console console, Path folder, Path data) {
    Calibration.Options options =
        new Calibration.Options(
            text.limits(),
            text.batchSize,
            computeDtype == null ? null : DType.parse(computeDtype),
            NanPolicy.parse(nanPolicy));
    plan.check(
        console,
        folder,
        new Work.Calibration(
            options.computeDtype(), text.batchSize, text.seqLength, text.maxTokens));
    try (CalibrationProgress progress = new CalibrationProgress(console)) {
      return Calibration.run(folder, data, options, progress);
    }
  }
}
