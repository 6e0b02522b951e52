package dev.fettle.cli;

import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.export.ConversionReport;
import dev.fettle.export.ExportFormat;
import dev.fettle.export.GgufAdapter;
import dev.fettle.lora.Merge;
import dev.fettle.plan.Work;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `fettle export`: a target.model, or an adapter, as the files of another tool.
@Command(
    name = "export",
    header = "Write a model, with or without its adapter, for another tool.",
    description = {
      "A model with an adapter is merged on the way. With --format gguf-lora the adapter alone is"
          + " written, for llama.cpp to put on a GGUF of the base; with --format peft a GGUF adapter"
          + " becomes a PEFT folder. What a format cannot carry is refused, with the way out."
    },
    footer = "  fettle export --model MODEL --adapter ADAPTER --outtype q4_k_m --output MODEL.gguf")
final class ExportVerb extends Verb {
  @Option(
      names = "--adapter",
      paramLabel = "ADAPTER",
      description = "PEFT adapter folder or GGUF adapter, trained on this model.")
  @Nullable Path adapter;

  @Mixin ConversionArguments target = new ConversionArguments();

  @Mixin PlanOptions plan = new PlanOptions();

  ExportVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    plan.check(console, target.model, new Work.Rewriting(null, null, adapter != null));
    Answer answer = write(console);
    plan.report(console);
    return new Answer(plan.add(answer.json()), answer.exitCode());
  }

  private Answer write(Console console) {
    ExportFormat format = target.format();
    if (format.isAdapter()) {
      if (adapter == null) {
        throw usage("--format " + format.text() + " writes an adapter; give --adapter");
      }
      return adapter(console, adapter, format);
    }
    target.options(format); // before the work
    if (adapter == null) {
      return Answer.of(
          ConversionAnswer.json(ConvertVerb.convert(console, target.model, target, format)));
    }
    Path work = AtomicFolder.temporary(target.output);
    try {
      Path merged = work.resolve("merged");
      merge(console, adapter, merged);
      ConversionReport report = ConvertVerb.convert(console, merged, target, format);
      return Answer.of(ConversionAnswer.json(report).put("adapter", adapter.toString()));
    } finally {
      AtomicFolder.delete(work);
    }
  }

  private void merge(Console console, Path lora, Path merged) {
    try (ProgressLine progress = new ProgressLine(console, "merging tensor", 0)) {
      Merge.run(
          target.model,
          lora,
          merged,
          null,
          false,
          (index, _, name) -> {
            console.stop().check();
            progress.update(index + 1L, name);
          });
    }
  }

  private Answer adapter(Console console, Path lora, ExportFormat format) {
    if (Files.exists(target.output)) {
      throw new UserException(
          "Output " + target.output + " already exists; name another or remove it.");
    }
    try (Checkpoint base = Checkpoint.open(target.model)) {
      if (format == ExportFormat.GGUF_LORA) {
        GgufAdapter.write(
            lora, base, target.output, (tensor, type, done, count) -> console.stop().check());
      } else {
        GgufAdapter.toPeft(lora, base, target.output);
      }
    }
    console.out().println("wrote the adapter -> " + target.output);
    return Answer.of(
        Json.object()
            .put("model", target.model.toString())
            .put("adapter", lora.toString())
            .put("output", target.output.toString())
            .put("format", format.text()));
  }
}
