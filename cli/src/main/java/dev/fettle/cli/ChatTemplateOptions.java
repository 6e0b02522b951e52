package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatTemplate;
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
  /// @throws UserException if it cannot be read, or the variables are no JSON object
  @Nullable ChatTemplate load(Path model) {
    ChatTemplate template =
        chatTemplate == null ? ChatTemplate.load(model) : ChatTemplate.named(model, chatTemplate);
    if (chatTemplateKwargs == null) {
      return template;
    }
    if (template == null) {
      throw new UserException(
          model + " has no chat template that --chat-template-kwargs could be for.");
    }
    return template.with(Json.parse(chatTemplateKwargs, "--chat-template-kwargs"));
  }
}
