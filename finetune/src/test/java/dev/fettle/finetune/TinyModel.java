package dev.fettle.finetune;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import tools.jackson.databind.node.ObjectNode;

/// A random Llama of two blocks with a tokenizer of one token per word, small enough that a
/// training step takes milliseconds.
final class TinyModel {
  private static final int WORDS = 32;

  private TinyModel() {}

  /// Writes the model folder.
  static Path write(Path folder) throws IOException {
    return write(folder, 16);
  }

  /// @param width of the hidden states; feed-forward layers are half as wide again
  static Path write(Path folder, int width) throws IOException {
    ObjectNode config = config(width);
    ModelConfig parsed = ModelConfig.parse(config, "tiny");
    Random random = new Random(11);
    List<TensorInfo> plan = Architecture.of(parsed).tensors();
    try (CheckpointWriter writer = CheckpointWriter.create(folder, config, plan, List.of())) {
      for (TensorInfo info : plan) {
        float[] values = new float[(int) info.shape().elements()];
        for (int i = 0; i < values.length; i++) {
          values[i] = info.shape().rank() == 1 ? 1 : (float) (0.2 * random.nextGaussian());
        }
        writer.write(info.name(), HostTensor.of(values, info.shape().toArray()));
      }
      writer.commit();
    }
    Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(tokenizer()));
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"w0\"}");
    return folder;
  }

  /// A text of random words.
  static Path text(Path file, int words) throws IOException {
    Random random = new Random(5);
    Files.writeString(
        file,
        random.ints(words, 1, WORDS).mapToObj(word -> "w" + word).collect(Collectors.joining(" ")));
    return file;
  }

  private static ObjectNode config(int width) {
    return Json.parse(
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": %d,
         "intermediate_size": %d, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "vocab_size": %d, "max_position_embeddings": 64,
         "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
         "tie_word_embeddings": true, "eos_token_id": 0, "torch_dtype": "float32"}
        """
            .formatted(width, width * 3 / 2, WORDS),
        "tiny");
  }

  private static ObjectNode tokenizer() {
    ObjectNode json =
        Json.parse(
            """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
             "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
             "post_processor": null, "decoder": null,
             "model": {"type": "WordLevel", "vocab": {}, "unk_token": "w0"}}
            """,
            "tiny");
    ObjectNode vocabulary = (ObjectNode) json.path("model").path("vocab");
    for (int word = 0; word < WORDS; word++) {
      vocabulary.put("w" + word, word);
    }
    return json;
  }
}
