package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.TemplateChoice;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which chat template to use, and what it is told.
final class ChatTemplateOptions {
  @Option(
      names = "--chat-template",
      paramLabel = "NAME|FILE",
      description =
          "One of the model's named chat templates, or a file with one (default: the model's).")
  @Nullable String chatTemplate;

  @Option(
      names = "--chat-template-kwargs",
      paramLabel = "JSON",
      description = "Variables for the chat template, such as '{\"enable_thinking\": false}'.")
  @Nullable String chatTemplateKwargs;

  /// @return null if the model has no chat template
  /// @throws dev.fettle.tensor.UserException if it cannot be read, or the variables are no JSON
  ///   object
  @Nullable ChatTemplate load(Path model) {
    return choice().load(model);
  }

  TemplateChoice choice() {
    return new TemplateChoice(
        chatTemplate,
        chatTemplateKwargs == null
            ? null
            : Json.parse(chatTemplateKwargs, "--chat-template-kwargs"));
  }
}
