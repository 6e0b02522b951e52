package dev.fettle.benchmarks;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import java.util.List;

/// A model folder of a real shape with random weights, for measuring speed and memory.
final class RandomCheckpoint {
  /// transformers' default `initializer_range`.
  private static final double DEVIATION = 0.02;

  private RandomCheckpoint() {}

  /// TinyLlama-1.1B: 22 layers, 2048 hidden, 5632 intermediate, 32 heads, 4 KV heads, 32,000 words.
  static ModelConfig tinyLlama() {
    return new ModelConfig(
        "llama",
        2048,
        5632,
        22,
        32,
        4,
        64,
        32000,
        2048,
        1e-5,
        10000,
        null,
        false,
        false,
        false,
        "silu",
        1,
        List.of(2),
        DType.BF16,
        null);
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
