package dev.fettle.cli;

import dev.fettle.export.Conversion;
import dev.fettle.export.ConversionReport;
import dev.fettle.export.ExportFormat;
import dev.fettle.plan.Work;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.node.ObjectNode;

/// `fettle convert`: a model from one tool's files into another's.
@Command(
    name = "convert",
    header = "Rewrite a model, quantized or not, in another tool's format.",
    description = {
      "Integers that both formats can hold are taken over as they are, so that nothing is rounded a"
          + " second time; where that is not possible, name the number format with --scheme or"
          + " --outtype. The answer says which weights are the same numbers as before and measures the"
          + " error of the others."
    },
    footer = "  fettle convert --model MODEL-gptq --format compressed-tensors --output MODEL-w4a16")
final class ConvertVerb extends Verb {
  @Mixin ConversionArguments target = new ConversionArguments();

  @Mixin PlanOptions plan = new PlanOptions();

  ConvertVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    ExportFormat format = target.format();
    if (format.isAdapter()) {
      throw usage("--format " + format.text() + " is for adapters: use 'fettle export --adapter'");
    }
    plan.check(console, target.model, new Work.Rewriting(null, null, false));
    ObjectNode json = ConversionAnswer.json(convert(console, target.model, target, format));
    plan.report(console);
    return Answer.of(plan.add(json));
  }

  /// Converts and prints what was done.
  ///
  /// @param model instead of the one that the arguments name
  static ConversionReport convert(
      Console console, Path model, ConversionArguments target, ExportFormat format) {
    ConversionReport report;
    try (ProgressLine progress = new ProgressLine(console, "writing tensor", 0)) {
      report =
          Conversion.run(
              model,
              target.output,
              target.options(format),
              (tensor, type, done, count) -> {
                console.stop().check();
                progress.update(done, tensor + " " + type);
              });
    }
    ConversionAnswer.print(report, console.out());
    return report;
  }
}
