package dev.fettle.demo;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

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

  /// Its `config.json`.
  public static ObjectNode config() {
    return Json.parse(
        new String(resource("config.json"), StandardCharsets.UTF_8), "the built-in model");
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
