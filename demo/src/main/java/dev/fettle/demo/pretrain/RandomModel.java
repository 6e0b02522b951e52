package dev.fettle.demo.pretrain;

import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.demo.world.World;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import tools.jackson.databind.node.ObjectNode;

/// A model folder with a tokenizer and random weights: where pre-training starts.
final class RandomModel {
  static final int BEGIN_ID = 0;
  static final int END_ID = 1;

  /// Standard deviation of the weights, transformers' default `initializer_range`.
  private static final double WEIGHT_DEVIATION = 0.02;

  /// Enough text to see every word of the world many times.
  private static final int TOKENIZER_CHARACTERS = 1_000_000;

  private RandomModel() {}

  /// @param folder must not exist yet or be empty
  /// @throws dev.fettle.tensor.UserException if the folder is in use or cannot be written
  static void write(Path folder, ModelShape shape, long seed) {
    String prose = World.prose(seed, TOKENIZER_CHARACTERS);
    write(folder, shape, seed, prose.replace(World.BEGIN, "").replace(World.END, ""));
  }

  /// With a vocabulary of some text; of a long one, its beginning is enough.
  static void write(Path folder, ModelShape shape, long seed, String text) {
    BpeTrainer.Vocabulary vocabulary =
        BpeTrainer.train(
            text.substring(0, Math.min(text.length(), TOKENIZER_CHARACTERS)),
            List.of(World.BEGIN, World.END),
            shape.vocab());
    List<TensorInfo> plan = shape.tensors(DType.BF16);
    SplittableRandom random = new SplittableRandom(seed);
    try (CheckpointWriter writer =
        CheckpointWriter.create(folder, shape.config(DType.BF16), plan, List.of())) {
      for (TensorInfo tensor : plan) {
        writer.write(tensor.name(), draw(tensor, random));
      }
      addFile(writer, "tokenizer.json", TokenizerFiles.tokenizer(vocabulary));
      addFile(writer, "tokenizer_config.json", TokenizerFiles.tokenizerConfig(shape.positions()));
      addFile(writer, "generation_config.json", generationConfig());
      writer.commit();
    }
  }

  private static void addFile(CheckpointWriter writer, String name, ObjectNode content) {
    writer.addFile(name, Json.pretty(content));
  }

  private static ObjectNode generationConfig() {
    return Json.object()
        .put("bos_token_id", BEGIN_ID)
        .put("eos_token_id", END_ID)
        .put("pad_token_id", END_ID);
  }

  /// Norm weights are one, all others normal, rounded to bfloat16: training keeps float32 masters
  /// and writes its result in the dtype it started from.
  private static HostTensor draw(TensorInfo tensor, SplittableRandom random) {
    float[] values = new float[Math.toIntExact(tensor.shape().elements())];
    if (tensor.shape().rank() == 1) {
      Arrays.fill(values, 1f);
    } else {
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (WEIGHT_DEVIATION * random.nextGaussian());
      }
    }
    MemorySegment rounded = MemorySegment.ofArray(new byte[Math.toIntExact(tensor.bytes())]);
    Casts.fromFloat(MemorySegment.ofArray(values), values.length, tensor.dtype(), rounded);
    return new HostTensor(tensor.dtype(), tensor.shape(), rounded);
  }
}
