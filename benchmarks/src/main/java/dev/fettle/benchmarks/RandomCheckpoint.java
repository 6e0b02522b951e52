package dev.fettle.benchmarks;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.CompanionFile;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MappedPages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A model folder of a real shape with random weights, for measuring speed and memory.
///
/// Arguments: a `config.json`, a folder with a tokenizer, the folder to make. Weights are normal
/// numbers drawn with repetition from a fixed table, written through a temporary file, so that
/// billions of them take seconds and next to no memory.
public final class RandomCheckpoint {
  /// transformers' default `initializer_range`.
  private static final double DEVIATION = 0.02;

  private static final int TABLE = 1 << 20;
  private static final String TOKENIZER = "tokenizer.json";

  private RandomCheckpoint() {}

  static void main(String[] args) {
    if (args.length != 3) {
      throw new IllegalArgumentException("expected: config.json, tokenizer folder, output folder");
    }
    write(Path.of(args[2]), Json.read(Path.of(args[0])), Path.of(args[1]));
  }

  /// TinyLlama-1.1B: 22 layers, 2048 hidden, 5632 intermediate, 32 heads, 4 KV heads, 32,000 words.
  static ObjectNode tinyLlama() {
    return Json.object()
        .put("model_type", "llama")
        .put("hidden_size", 2048)
        .put("intermediate_size", 5632)
        .put("num_hidden_layers", 22)
        .put("num_attention_heads", 32)
        .put("num_key_value_heads", 4)
        .put("vocab_size", 32000)
        .put("max_position_embeddings", 2048)
        .put("rms_norm_eps", 1e-5)
        .put("bos_token_id", 1)
        .put("eos_token_id", 2)
        .put("torch_dtype", "bfloat16");
  }

  /// @param tokenizer a folder with a tokenizer whose ids fit the vocabulary
  static void write(Path folder, ObjectNode config, Path tokenizer) {
    ModelConfig parsed = ModelConfig.parse(config, "the configuration");
    List<CompanionFile> companions = new ArrayList<>();
    companions.add(vocabulary(tokenizer.resolve(TOKENIZER), parsed.vocabSize()));
    Path settings = tokenizer.resolve("tokenizer_config.json");
    if (Files.exists(settings)) {
      companions.add(new CompanionFile.OnDisk(settings));
    }
    write(folder, config, companions);
  }

  static void write(Path folder, ObjectNode config, List<CompanionFile> companions) {
    List<TensorInfo> plan =
        Architecture.of(ModelConfig.parse(config, "the configuration")).tensors();
    try (CheckpointWriter writer = CheckpointWriter.create(folder, config, plan, companions);
        Arena arena = Arena.ofShared()) {
      MemorySegment table = table(plan.getFirst().dtype(), arena);
      SplittableRandom random = new SplittableRandom(1);
      for (TensorInfo info : plan) {
        write(writer, info, table, random.split());
      }
      writer.commit();
    }
  }

  /// The tokenizer without added tokens beyond the model's vocabulary.
  private static CompanionFile vocabulary(Path file, int words) {
    ObjectNode json = Json.read(file);
    ArrayNode kept = Json.object().putArray("kept");
    json.path("added_tokens")
        .forEach(token -> {
          if (token.path("id").asInt() < words) {
            kept.add(token);
          }
        });
    json.set("added_tokens", kept);
    return new CompanionFile.InMemory(
        TOKENIZER, Json.compact(json).getBytes(StandardCharsets.UTF_8));
  }

  private static MemorySegment table(DType dtype, Arena arena) {
    SplittableRandom random = new SplittableRandom(0);
    float[] values = new float[TABLE];
    for (int i = 0; i < TABLE; i++) {
      values[i] = (float) (random.nextGaussian() * DEVIATION);
    }
    return Casts.to(dtype, HostTensor.of(values, TABLE), arena).data();
  }

  /// Through a mapped temporary file, whose pages the system may drop.
  private static void write(
      CheckpointWriter writer, TensorInfo info, MemorySegment table, SplittableRandom random) {
    try (Arena arena = Arena.ofShared()) {
      if (info.shape().rank() == 1) {
        float[] ones = new float[Math.toIntExact(info.shape().elements())];
        Arrays.fill(ones, 1);
        HostTensor norm = HostTensor.of(ones, ones.length);
        writer.write(info.name(), Casts.to(info.dtype(), norm, arena));
        return;
      }
      Path temporary = Files.createTempFile("fettle-random", ".tensor");
      try (FileChannel file =
          FileChannel.open(temporary, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        MemorySegment data = file.map(FileChannel.MapMode.READ_WRITE, 0, info.bytes(), arena);
        fill(data, table, random);
        writer.write(info.name(), new HostTensor(info.dtype(), info.shape(), data));
        MappedPages.release(data);
      } finally {
        Files.delete(temporary);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Runs of the table from random places.
  private static void fill(MemorySegment data, MemorySegment table, SplittableRandom random) {
    long run = 1 << 12;
    for (long at = 0; at < data.byteSize(); at += run) {
      long count = Math.min(run, data.byteSize() - at);
      long from = random.nextLong((table.byteSize() - run) / 8) * 8;
      MemorySegment.copy(table, from, data, at, count);
    }
  }
}
