package dev.fettle.cli;

import dev.fettle.model.LoadOptions;
import dev.fettle.plan.Work;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesConfig;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Which model to run, and how.
final class ModelOptions {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description = "Model folder in Hugging Face layout, or a GGUF file.")
  Path model = Path.of("");

  @Option(
      names = "--adapter",
      paramLabel = "FOLDER",
      description = "PEFT adapter folder or GGUF adapter to put on the model.")
  @Nullable Path adapter;

  @Mixin SchemeOptions schemes = new SchemeOptions();

  @Option(
      names = "--compute-dtype",
      paramLabel = "DTYPE",
      description = "float32 or bfloat16 (default: the model's own).")
  @Nullable String computeDtype;

  /// @throws dev.fettle.tensor.UserException if the model, its tokenizer or the adapter is not
  ///   usable
  OpenModel open() {
    return OpenModel.open(model, adapter, loadOptions());
  }

  /// What is planned for; a token of the prompt has three characters or more in most texts.
  Work generation(String prompt, int newTokens, boolean cache) {
    return new Work.Generation(
        schemes.computeDtype(computeDtype),
        schemes.scheme(),
        null,
        1 + prompt.length() / 3,
        newTokens,
        cache);
  }

  LoadOptions loadOptions() {
    BitsAndBytesConfig _ = SchemeOptions.onLoad(schemes.quantizationConfig);
    return LoadOptions.defaults()
        .withComputeDtype(schemes.computeDtype(computeDtype))
        .withQuantizeOnLoad(schemes.scheme());
  }
}
