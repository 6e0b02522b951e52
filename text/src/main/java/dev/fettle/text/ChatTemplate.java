package dev.fettle.text;

import dev.fettle.text.jinja.Rendering;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Turns a conversation into the text that a model was trained on.
@FunctionalInterface
public interface ChatTemplate {

  /// The template of a Hugging Face model folder, found as transformers does: `chat_template.jinja`
  /// and `additional_chat_templates/NAME.jinja`, else `chat_template` in `tokenizer_config.json`,
  /// which is a string or a list of named templates; where there is neither, `chat_template.json`.
  /// Of several, `tool_use` is taken for conversations with tools and `default` for the others. Of
  /// a GGUF file it is `tokenizer.chat_template`.
  ///
  /// @return null if there is none
  /// @throws dev.fettle.tensor.UserException if it has one that cannot be read
  static @Nullable ChatTemplate load(Path path) {
    return load(path, Clock.systemDefaultZone());
  }

  /// As [#load(Path)], with the time that templates see through `strftime_now`.
  static @Nullable ChatTemplate load(Path path, Clock clock) {
    return JinjaChatTemplate.load(path, clock);
  }

  /// The template the user names instead of the usual one: one of the folder's named templates, or
  /// a file with a template. It is given the special tokens of the folder.
  ///
  /// @param model a Hugging Face model folder or a GGUF file
  /// @param nameOrFile such as `rag`, or `training.jinja`
  /// @throws dev.fettle.tensor.UserException if there is neither
  static ChatTemplate named(Path model, String nameOrFile) {
    return JinjaChatTemplate.named(model, nameOrFile, Clock.systemDefaultZone());
  }

  /// The same template, always given these variables (`chat_template_kwargs`), unless a
  /// conversation has others of the same name.
  default ChatTemplate with(ObjectNode variables) {
    return (conversation, prompt) -> rendering(conversation.withDefaults(variables), prompt);
  }

  /// @param addGenerationPrompt whether to end with the opening of the assistant's next turn
  /// @throws dev.fettle.tensor.UserException if the template refuses the conversation
  Rendering rendering(Conversation conversation, boolean addGenerationPrompt);

  /// The conversation up to the end of its last message's text, without what the template writes
  /// behind it, so that a model can go on with it: `continue_final_message` of transformers.
  ///
  /// @throws dev.fettle.tensor.UserException if the last message has no text, or the template does
  ///   not write it as it is
  default String continuing(Conversation conversation) {
    return FinalMessage.continuing(conversation, this);
  }

  /// As [#rendering(Conversation, boolean)], of messages alone.
  default Rendering rendering(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return rendering(Conversation.of(messages), addGenerationPrompt);
  }

  /// The text alone of [#rendering].
  default String render(Conversation conversation, boolean addGenerationPrompt) {
    return rendering(conversation, addGenerationPrompt).text();
  }

  /// The text alone of [#rendering].
  default String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return rendering(messages, addGenerationPrompt).text();
  }
}
