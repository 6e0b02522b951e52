package dev.fettle.doctor;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Sample;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What training makes of a sample: the sample is written to a file and read as `fettle finetune`
/// reads it, so that nothing is checked but what is used.
///
/// @param template null where the model has none
record TrainingPath(Tokenizer tokenizer, @Nullable ChatTemplate template) {
  /// Longer than anything that is tried.
  private static final int UNCUT = 1 << 24;

  /// @param completionOnly whether only the assistant's words have labels
  /// @throws UserException if training refuses it
  Sample chat(List<ChatMessage> messages, boolean completionOnly) {
    ObjectNode line = Json.object();
    ArrayNode list = line.putArray("messages");
    for (ChatMessage message : messages) {
      list.addObject().put("role", message.role()).put("content", message.content());
    }
    return read(line, completionOnly);
  }

  /// @throws UserException if training refuses it
  Sample completion(String prompt, String completion) {
    return read(Json.object().put("prompt", prompt).put("completion", completion), true);
  }

  private Sample read(ObjectNode line, boolean completionOnly) {
    try {
      Path folder = Files.createTempDirectory("fettle-doctor");
      Path file = folder.resolve("sample.jsonl");
      try {
        Files.writeString(file, Json.compact(line) + "\n");
        return Dataset.load(
                file,
                tokenizer,
                template,
                DatasetOptions.of(UNCUT).withCompletionOnly(completionOnly))
            .get(0);
      } catch (UserException e) {
        String message = (e.getMessage() + "").replace(file + " line 1: ", "");
        throw new UserException(message.replace(file.toString(), "the sample"), e);
      } finally {
        Files.deleteIfExists(file);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new UserException("Cannot write a temporary file: " + e.getMessage() + ".", e);
    }
  }
}
