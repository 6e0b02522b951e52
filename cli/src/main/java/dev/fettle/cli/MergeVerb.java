package dev.fettle.cli;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.export.merge.LowBitMerge;
import dev.fettle.export.merge.LowBitMerge.MeasuringText;
import dev.fettle.export.merge.MergeTarget;
import dev.fettle.lora.Merge;
import dev.fettle.lora.Merge.MergeReport;
import dev.fettle.plan.Work;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `fettle merge`: an adapter becomes part of the weights.
@Command(
    name = "merge",
    header = "Add an adapter to the weights of its base, or take it out again.",
    description = {
      "By default a quantized base is dequantized and the result has 16 or 32 bits per weight: it"
          + " computes what was trained. --original merges into the model that the base was quantized"
          + " from instead, --requantize rounds the sum to few bits again, and --auto tries them all and"
          + " keeps the one whose predictions are nearest to those of base and adapter side by side.",
      "The answer says how much of what the adapter learned is lost in each layer: the distance of the"
          + " stored weight from base plus change, relative to the change."
    },
    footer = "  fettle merge --model MODEL --adapter ADAPTER --dtype bfloat16 --output MERGED")
final class MergeVerb extends Verb {
  private static final String OWN_GRID = "own";

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "Model folder or GGUF file the adapter was trained on.")
  Path model = Path.of("");

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "ADAPTER",
      description = "PEFT adapter folder, or a GGUF adapter.")
  Path adapter = Path.of("");

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FOLDER",
      description = "Folder to make; must not exist.")
  Path output = Path.of("");

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      description =
          "float32, float16 or bfloat16 of a result that is not quantized (default: that of each tensor).")
  @Nullable String dtype;

  @Option(
      names = "--original",
      paramLabel = "FOLDER",
      description = "Merge into this model, which the quantized --model was made from.")
  @Nullable Path original;

  @Option(
      names = "--requantize",
      arity = "0..1",
      fallbackValue = OWN_GRID,
      paramLabel = "SCHEME",
      description =
          "Round the merged weights to a number format, such as int4:sym:group=32; without a name to"
              + " those of the base.")
  @Nullable String requantize;

  @Option(
      names = "--auto",
      description =
          "Merge into the base dequantized, into --original if it is given, and onto the base's own grid or"
              + " that of --requantize; keep the best that is not larger than --max-size, and say why."
              + " Needs --data.")
  boolean auto;

  @Option(
      names = "--max-size",
      paramLabel = "SIZE",
      description = "Largest result that --auto keeps, such as 800MB or 1.5GB (default: any).")
  @Nullable String maxSize;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "Text, UTF-8, on which to measure the KL divergence from base and adapter side by side.")
  @Nullable Path data;

  @Option(
      names = "--seq-length",
      paramLabel = "N",
      description = "Tokens of a window of --data (default: 512, or as many as the model takes).")
  @Nullable Integer seqLength;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Only the first N tokens of --data; 0 is all (default: 20000).")
  int maxTokens = 20_000;

  @Option(
      names = "--unmerge",
      description = "Subtract the adapter from a merged model, which gives its base back.")
  boolean unmerge;

  @Mixin PlanOptions plan = new PlanOptions();

  MergeVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    plan.check(
        console, model, new Work.Rewriting(null, dtype == null ? null : DType.parse(dtype), true));
    Answer answer = rewrite(console);
    plan.report(console);
    return new Answer(plan.add(answer.json()), answer.exitCode());
  }

  private Answer rewrite(Console console) {
    if (unmerge) {
      return unmerge(console);
    }
    if (maxSize != null && !auto) {
      throw usage("--max-size belongs to --auto");
    }
    LowBitMerge.Result result;
    try (MergeProgress progress = new MergeProgress(console)) {
      result =
          LowBitMerge.run(
              new LowBitMerge.Request(
                  model,
                  adapter,
                  output,
                  text(),
                  maxSize == null ? Long.MAX_VALUE : Units.parseBytes(maxSize)),
              targets(),
              progress);
    }
    MergeAnswer.print(result, output, console.out());
    return Answer.of(
        MergeAnswer.json(result)
            .put("model", model.toString())
            .put("adapter", adapter.toString())
            .put("output", output.toString())
            .put("unmerge", false));
  }

  private List<MergeTarget> targets() {
    @Nullable DType wanted = dtype == null ? null : DType.parse(dtype);
    @Nullable Scheme scheme =
        requantize == null || requantize.equals(OWN_GRID) ? null : Scheme.parse(requantize);
    if (auto) {
      if (data == null) {
        throw usage("--auto measures the candidates on a text; give --data");
      }
      List<MergeTarget> all = new ArrayList<>();
      if (original != null) {
        all.add(new MergeTarget.Original(original, wanted));
      }
      all.add(new MergeTarget.Dequantized(wanted));
      if (scheme != null || isQuantized(model)) {
        all.add(new MergeTarget.Requantized(scheme));
      }
      return all;
    }
    if (original != null && requantize != null) {
      throw usage("--original keeps 16 bits and --requantize does not; choose one, or --auto");
    }
    if (original != null) {
      return List.of(new MergeTarget.Original(original, wanted));
    }
    if (requantize != null && wanted != null) {
      throw usage("--requantize decides the format of the weights; leave out --dtype");
    }
    return List.of(
        requantize != null
            ? new MergeTarget.Requantized(scheme)
            : new MergeTarget.Dequantized(wanted));
  }

  private static boolean isQuantized(Path model) {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.isQuantized();
    }
  }

  private @Nullable MeasuringText text() {
    return data == null ? null : new MeasuringText(data, seqLength, maxTokens);
  }

  private Answer unmerge(Console console) {
    if (auto || original != null || requantize != null || data != null) {
      throw usage("--unmerge goes with --model, --adapter, --output and --dtype only");
    }
    long start = System.nanoTime();
    MergeReport report;
    try (ProgressLine progress = new ProgressLine(console, "writing tensor", 0)) {
      report =
          Merge.run(
              model,
              adapter,
              output,
              dtype == null ? null : DType.parse(dtype),
              true,
              (index, _, name) -> {
                console.stop().check();
                progress.update(index + 1L, name);
              });
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    console
        .out()
        .println(
            "took the adapter out of %d layers -> %s: %d tensors, %s in %s"
                .formatted(
                    report.mergedLayers(),
                    output,
                    report.tensors(),
                    Units.bytes(report.bytes()),
                    Units.duration(seconds)));
    return Answer.of(
        Json.object()
            .put("model", model.toString())
            .put("adapter", adapter.toString())
            .put("output", output.toString())
            .put("unmerge", true)
            .put("tensors", report.tensors())
            .put("merged_layers", report.mergedLayers())
            .put("bytes", report.bytes())
            .put("seconds", seconds));
  }
}
