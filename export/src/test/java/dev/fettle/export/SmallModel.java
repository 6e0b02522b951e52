package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import tools.jackson.databind.node.ObjectNode;

/// A random Llama of two blocks, 64 wide, with a tokenizer of one token per word.
public final class SmallModel {
  static final int WORDS = 32;

  private SmallModel() {}

  /// @param dtype F32, F16 or BF16
  public static Path write(Path folder, DType dtype) throws IOException {
    ObjectNode config =
        Json.parse(
            """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
             "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 32, "max_position_embeddings": 64,
             "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "hidden_act": "silu",
             "bos_token_id": 1, "eos_token_id": 0, "torch_dtype": "%s"}
            """
                .formatted(dtype.torchName()),
            "small");
    Random random = new Random(3);
    List<TensorInfo> plan = Architecture.of(ModelConfig.parse(config, "small")).tensors();
    try (CheckpointWriter writer = CheckpointWriter.create(folder, config, plan, List.of());
        Arena arena = Arena.ofConfined()) {
      for (TensorInfo info : plan) {
        float[] values = new float[(int) info.shape().elements()];
        for (int i = 0; i < values.length; i++) {
          values[i] = info.shape().rank() == 1 ? 1 : (float) (0.1 * random.nextGaussian());
        }
        writer.write(
            info.name(), Casts.to(dtype, HostTensor.of(values, info.shape().toArray()), arena));
      }
      writer.commit();
    }
    Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(tokenizer()));
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"w0\"}");
    return folder;
  }

  /// A text of random words.
  public static Path text(Path file, int words) throws IOException {
    Random random = new Random(5);
    Files.writeString(
        file,
        random.ints(words, 2, WORDS).mapToObj(word -> "w" + word).collect(Collectors.joining(" ")));
    return file;
  }

  private static ObjectNode tokenizer() {
    ObjectNode json =
        Json.parse(
            """
            {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"},
             "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {}}}
            """,
            "tokenizer");
    ObjectNode vocab = (ObjectNode) json.path("model").path("vocab");
    for (int i = 0; i < WORDS; i++) {
      vocab.put("w" + i, i);
    }
    return json;
  }
}
