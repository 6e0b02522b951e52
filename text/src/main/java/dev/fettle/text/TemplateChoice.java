package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Which chat template renders conversations, and what it is told besides them.
///
/// @param nameOrFile one of the model's named templates, or a file with a template; null is the
///   model's own
/// @param variables given to the template with every conversation, or null
public record TemplateChoice(@Nullable String nameOrFile, @Nullable ObjectNode variables) {
  /// The model's own, told nothing.
  public static TemplateChoice ofTheModel() {
    return new TemplateChoice(null, null);
  }

  /// The template for a model.
  ///
  /// @param model a Hugging Face model folder or a GGUF file
  /// @return null if the model has none and no other is named
  /// @throws UserException if it cannot be read, or there is none that the variables could be for
  public @Nullable ChatTemplate load(Path model) {
    ChatTemplate template =
        nameOrFile == null ? ChatTemplate.load(model) : ChatTemplate.named(model, nameOrFile);
    if (variables == null) {
      return template;
    }
    if (template == null) {
      throw new UserException(
          model + " has no chat template that --chat-template-kwargs could be for.");
    }
    return template.with(variables);
  }
}
