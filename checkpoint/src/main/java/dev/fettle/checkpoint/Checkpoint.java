package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A model on disk, whatever its container: named tensors, a configuration, and the files that go
/// with it. Tensors have the names that transformers gives them.
public sealed interface Checkpoint extends TensorSource permits CheckpointFolder, GgufCheckpoint {

  /// Opens a Hugging Face model folder or a GGUF file.
  ///
  /// @throws UserException if there is none, or it is truncated or contradicts itself
  static Checkpoint open(Path path) {
    if (!Files.exists(path)) {
      throw new UserException(
          "Model "
              + path
              + " does not exist; expected a folder with config.json and model.safetensors, or a"
              + " GGUF file.");
    }
    if (Files.isRegularFile(path)) {
      return GgufCheckpoint.open(path);
    }
    return CheckpointFolder.open(path);
  }

  /// The folder or file.
  Path path();

  /// What the configuration says about the computation.
  ///
  /// @throws UserException if the architecture is not supported or a key is missing
  ModelConfig config();

  /// The configuration as a `config.json`, with keys that [ModelConfig] does not know; a copy.
  ObjectNode configJson();

  /// The `quantization_config` of a quantized checkpoint, or null.
  @Nullable ObjectNode quantizationConfig();

  /// Dtype and shape of one tensor.
  ///
  /// @throws UserException if there is none of this name
  default TensorInfo info(String name) {
    TensorInfo info = infos().get(name);
    if (info == null) {
      throw new UserException("Model " + path() + " has no tensor '" + name + "'.");
    }
    return info;
  }

  /// Whether weights may be packed, as opposed to plain numbers throughout.
  default boolean isQuantized() {
    return quantizationConfig() != null;
  }

  /// Tokenizer, chat template, generation settings and licence: what a derived model copies along.
  List<CompanionFile> companions();

  /// Bytes of all tensors of a model on disk.
  ///
  /// @throws dev.fettle.tensor.UserException if there is no readable model
  static long storedBytes(Path path) {
    try (Checkpoint stored = open(path)) {
      return stored.infos().values().stream().mapToLong(TensorInfo::bytes).sum();
    }
  }
}
