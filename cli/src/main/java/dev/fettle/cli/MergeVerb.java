package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.lora.Merge;
import dev.fettle.lora.Merge.MergeReport;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `fettle merge`: an adapter becomes part of the weights.
@Command(
    name = "merge",
    header = "Add an adapter to the weights of its base, or take it out again.",
    description =
        "Writes a plain model folder without an adapter. A quantized base is dequantized on the way.",
    footer = "  fettle merge --model MODEL --adapter ADAPTER --dtype bfloat16 --output MERGED")
final class MergeVerb extends Verb {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description = "Model folder the adapter was trained on.")
  Path model = Path.of("");

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "FOLDER",
      description = "PEFT adapter folder.")
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
      description = "float32, float16 or bfloat16 (default: that of each tensor).")
  @Nullable String dtype;

  @Option(
      names = "--unmerge",
      description = "Subtract the adapter from a merged model, which gives its base back.")
  boolean unmerge;

  MergeVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    long start = System.nanoTime();
    MergeReport report;
    try (ProgressLine progress = new ProgressLine(console, "writing tensor", 0)) {
      report =
          Merge.run(
              model,
              adapter,
              output,
              dtype == null ? null : DType.parse(dtype),
              unmerge,
              (index, _, name) -> {
                console.stop().check();
                progress.update(index + 1L, name);
              });
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    console
        .out()
        .println(
            "%s %d layers -> %s: %d tensors, %s in %s"
                .formatted(
                    unmerge ? "took the adapter out of" : "merged the adapter into",
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
            .put("unmerge", unmerge)
            .put("tensors", report.tensors())
            .put("merged_layers", report.mergedLayers())
            .put("bytes", report.bytes())
            .put("seconds", seconds));
  }
}
