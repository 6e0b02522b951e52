package dev.fettle.demo;

import dev.fettle.checkpoint.AtomicFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/// The model folder inside the jar: a Llama of 2.6 million parameters that
/// [dev.fettle.demo.pretrain] made from nothing.
public final class EmbeddedModel {
  private static final List<String> FILES =
      List.of(
          "config.json",
          "generation_config.json",
          "model.safetensors",
          "tokenizer.json",
          "tokenizer_config.json");

  private EmbeddedModel() {}

  /// Writes the model's files into `folder`, replacing files of the same names.
  ///
  /// @throws dev.fettle.tensor.UserException if the folder cannot be written
  public static void copyTo(Path folder) {
    for (String name : FILES) {
      AtomicFiles.write(folder.resolve(name), resource(name));
    }
  }

  private static byte[] resource(String name) {
    try (InputStream in = EmbeddedModel.class.getResourceAsStream("model/" + name)) {
      if (in == null) {
        throw new IllegalStateException("model/" + name + " is missing from the class path");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
