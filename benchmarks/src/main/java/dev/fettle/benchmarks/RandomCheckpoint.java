package dev.fettle.benchmarks;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import java.nio.file.Path;
import java.util.List;

/// A model folder of a real shape with random weights, for measuring speed and memory.
final class RandomCheckpoint {
  /// transformers' default `initializer_range`.
  private static final double DEVIATION = 0.02;

  private RandomCheckpoint() {}

  /// TinyLlama-1.1B: 22 layers, 2048 hidden, 5632 intermediate, 32 heads, 4 KV heads, 32,000 words.
  static ModelConfig tinyLlama() {
    return ModelConfig.parse(
        Json.parse(
            """
            {"model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632,
             "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4,
             "vocab_size": 32000, "rms_norm_eps": 1e-5, "torch_dtype": "bfloat16"}
            """,
            "TinyLlama"),
        "TinyLlama");
  }

  static void write(Path folder, ModelConfig config) {
    List<TensorInfo> plan = Architecture.of(config).tensors();
    try (CheckpointWriter writer =
        CheckpointWriter.create(folder, config.toJson(), plan, List.of())) {
      long seed = 0;
      for (TensorInfo info : plan) {
        try (Scope scope = Scope.open()) {
          Tensor values =
              info.shape().rank() == 1
                  ? Tensors.full(info.dtype(), 1, info.shape().toArray())
                  : Tensors.normal(seed++, info.shape().toArray())
                      .mulInPlace(DEVIATION)
                      .to(info.dtype());
          writer.write(info.name(), values.hostView());
        }
      }
      writer.commit();
    }
  }
}
