package dev.fettle.doctor;

import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// A tokenizer and chat template read from a GGUF file.
///
/// @param template empty if the file has none
record GgufText(Tokenizer tokenizer, Attempt<Optional<ChatTemplate>> template)
    implements AutoCloseable {

  /// @throws UserException if the file has no tokenizer that can be read
  static GgufText open(Path file) {
    return new GgufText(
        Tokenizer.load(file), Attempt.of(() -> Optional.ofNullable(ChatTemplate.load(file))));
  }

  /// What an export of this folder holds: its vocabulary is written to a GGUF file without weights,
  /// and read back.
  ///
  /// @param rows of the embedding
  /// @throws UserException if GGUF cannot carry the tokenizer
  static GgufText exported(Path folder, int rows) {
    GgufMetadata metadata =
        new GgufMetadata(folder.toString()).put("general.architecture", "llama");
    metadata.put("general.name", folder.toAbsolutePath().normalize().getFileName() + "");
    metadata.putAll(GgufVocabulary.fromFolder(folder, rows));
    try {
      Path temporary = Files.createTempDirectory("fettle-doctor");
      Path file = temporary.resolve("vocabulary.gguf");
      try {
        GgufWriter.write(file, metadata, List.of(), (tensor, sink) -> {});
        return open(file);
      } finally {
        Files.deleteIfExists(file);
        Files.delete(temporary);
      }
    } catch (IOException e) {
      throw new UserException("Cannot write a temporary file: " + e.getMessage() + ".", e);
    }
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
