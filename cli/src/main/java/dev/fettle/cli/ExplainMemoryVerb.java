package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.NearestName;
import dev.fettle.quantize.explain.DecoderShape;
import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.KnownShapes;
import dev.fettle.quantize.explain.MemoryExplanation;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle explain memory`: bytes of a model in each format, and of its training.
@Command(
    name = "memory",
    header = "What a model weighs in each format, and what training adds.",
    footer = "  fettle explain memory llama2_7b")
final class ExplainMemoryVerb extends ExplainTopic {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A well-known name such as llama2_7b, a model folder, or a config.json.")
  String model = "";

  @Option(
      names = "--lora-r",
      paramLabel = "N",
      description = "Rank in the part about training (default: 8).")
  int rank = 8;

  ExplainMemoryVerb(Console console) {
    super(console);
  }

  @Override
  Explanation explain() {
    if (rank < 1) {
      throw new UserException("--lora-r must be 1 or more, not " + rank + ".");
    }
    return MemoryExplanation.of(shape(), rank);
  }

  private DecoderShape shape() {
    Optional<DecoderShape> known = KnownShapes.find(model);
    if (known.isPresent()) {
      return known.get();
    }
    Path path = Path.of(model);
    Path config = Files.isDirectory(path) ? path.resolve("config.json") : path;
    if (!Files.exists(config)) {
      throw new UserException(
          "'%s' is neither a folder, a config.json nor a known model%s; known are %s."
              .formatted(
                  model,
                  NearestName.of(model, KnownShapes.names())
                      .map(name -> " (did you mean " + name + "?)")
                      .orElse(""),
                  String.join(", ", KnownShapes.names())));
    }
    return DecoderShape.parse(model, Json.read(config), config.toString());
  }
}
