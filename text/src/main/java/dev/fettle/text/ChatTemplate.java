package dev.fettle.text;

import dev.fettle.text.jinja.Rendering;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Turns a conversation into the text that a model was trained on.
public interface ChatTemplate {

  /// The template of a Hugging Face model folder: `chat_template.jinja`, else `chat_template` in
  /// `tokenizer_config.json`, which is a string or a list of named templates of which `default` is
  /// taken. Of a GGUF file it is `tokenizer.chat_template`.
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

  /// @param addGenerationPrompt whether to end with the opening of the assistant's next turn
  /// @throws dev.fettle.tensor.UserException if the template refuses the conversation
  Rendering rendering(List<ChatMessage> messages, boolean addGenerationPrompt);

  /// The text alone of [#rendering].
  default String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return rendering(messages, addGenerationPrompt).text();
  }
}
