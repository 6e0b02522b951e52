package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizeStreamingTest {
  private static final int LAYERS = 6;

  @TempDir Path root;

  @ParameterizedTest
  @ValueSource(strings = {"nf4:group=64", "nf4:group=64:double", "llm.int8"})
  void holdsOneTensorAtATimeAndWritesWhatIsReadBack(String text) {
    Scheme scheme = Scheme.parse(text);
    SequencedMap<String, HostTensor> tensors = model();
    Path model = write(tensors);
    Path output = root.resolve("q");
    MemoryMeter meter = new MemoryMeter();
    List<TensorReport> seen = new ArrayList<>();
    QuantizeReport report =
        new CheckpointQuantizer(
                meter::arena,
                options(scheme),
                WeightQuantizer.roundToNearest(),
                TensorTransform.none())
            .run(model, output, seen::add);

    long largest = 0;
    try (Checkpoint read = Checkpoint.open(output)) {
      for (String name : tensors.keySet()) {
        HostTensor weight = Objects.requireNonNull(tensors.get(name));
        boolean linear = name.endsWith("_proj.weight");
        assertThat(BitsAndBytesLayout.isQuantized(read, name)).as(name).isEqualTo(linear);
        if (linear) {
          QuantizedTensor expected = Quantizer.quantize(weight, scheme);
          QuantizedTensor actual = BitsAndBytesLayout.read(read, name);
          assertThat(TestWeights.floats(actual)).isEqualTo(TestWeights.floats(expected));
          largest = Math.max(largest, expected.byteSize());
        } else {
          assertThat(read.tensor(name).data().mismatch(weight.data())).as(name).isEqualTo(-1);
        }
      }
      assertThat(read.quantizationConfig())
          .isEqualTo(BitsAndBytesLayout.quantizationConfig(scheme, DType.BF16));
    }
    // plain float32 scales exist beside the nested ones while these are made
    long scales = 4L * 64 * 96 / 64;
    assertThat(meter.peak()).isBetween(largest, largest + scales);
    assertThat(meter.total()).as("the meter sees every tensor").isGreaterThan(LAYERS * largest);
    assertThat(meter.live()).isZero();
    assertThat(seen).hasSize(2 * LAYERS).isEqualTo(report.tensors());
    assertThat(report.parameters()).isEqualTo(LAYERS * (64 * 96 + 32 * 64 + 64) + 128 * 64);
  }

  @Test
  void reportsBitsPerWeight() {
    Path model = write(model());
    QuantizeReport report =
        CheckpointQuantizer.quantize(
            model, root.resolve("q"), options(new Scheme.Nf4(64, false)), tensor -> {});
    // 4 bits, 32 bits of scale per 64 weights, and a table and a description per tensor
    assertThat(report.tensors().getFirst().bitsPerWeight()).isBetween(4.5, 4.8);
    assertThat(report.bitsPerQuantizedWeight()).isBetween(4.5, 5.2);
    assertThat(report.bitsPerWeight()).isBetween(5.0, 10.0);
    assertThat(report.inputBytes()).isEqualTo(2 * report.parameters());
  }

  @Test
  void leavesSkippedModulesAlone() {
    Path model = write(model());
    QuantizeOptions options =
        new QuantizeOptions(new Scheme.Nf4(64, false), DType.BF16, List.of("o_proj"));
    QuantizeReport report =
        CheckpointQuantizer.quantize(model, root.resolve("q"), options, tensor -> {});
    assertThat(report.tensors())
        .hasSize(LAYERS)
        .allSatisfy(tensor -> assertThat(tensor.name()).endsWith("up_proj.weight"));
  }

  @Test
  void aBadWeightLeavesNothingBehind() throws IOException {
    SequencedMap<String, HostTensor> tensors = model();
    float[] values = new float[32 * 64];
    values[5] = Float.NaN;
    tensors.put(
        "model.layers.3.self_attn.o_proj.weight", TestWeights.of(values, DType.BF16, 32, 64));
    Path model = write(tensors);
    assertThatThrownBy(() ->
            CheckpointQuantizer.quantize(
                model, root.resolve("q"), options(new Scheme.LlmInt8()), tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model.layers.3.self_attn.o_proj.weight")
        .hasMessageContaining("[0, 5]");
    assertThat(names(root)).containsExactly("model");
  }

  @Test
  void refusesInputThatIsQuantizedOrHasNothingToQuantize() {
    Path model = write(model());
    Path output = root.resolve("q");
    QuantizeOptions options = options(new Scheme.Nf4(64, true));
    CheckpointQuantizer.quantize(model, output, options, tensor -> {});
    assertThatThrownBy(
            () -> CheckpointQuantizer.quantize(output, root.resolve("qq"), options, tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("quantized already");
    assertThatThrownBy(() -> CheckpointQuantizer.quantize(model, output, options, tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("already exists");
    QuantizeOptions nothing =
        new QuantizeOptions(options.scheme(), DType.BF16, List.of("up_proj", "o_proj"));
    assertThatThrownBy(
            () -> CheckpointQuantizer.quantize(model, root.resolve("n"), nothing, tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no linear layer");
  }

  private static QuantizeOptions options(Scheme scheme) {
    return new QuantizeOptions(scheme, DType.BF16, List.of());
  }

  private static SequencedMap<String, HostTensor> model() {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("model.embed_tokens.weight", TestWeights.normal(1, DType.BF16, 128, 64));
    for (int layer = 0; layer < LAYERS; layer++) {
      String prefix = "model.layers." + layer + ".";
      tensors.put(prefix + "mlp.up_proj.weight", TestWeights.normal(layer, DType.BF16, 96, 64));
      tensors.put(
          prefix + "self_attn.o_proj.weight", TestWeights.normal(layer, DType.BF16, 32, 64));
      tensors.put(prefix + "input_layernorm.weight", TestWeights.normal(layer, DType.BF16, 64));
    }
    return tensors;
  }

  private Path write(SequencedMap<String, HostTensor> tensors) {
    List<TensorInfo> plan = new ArrayList<>();
    tensors.forEach((name, t) -> plan.add(new TensorInfo(name, t.dtype(), t.shape())));
    Path model = root.resolve("model");
    try (CheckpointWriter writer = CheckpointWriter.create(model, Json.object(), plan, List.of())) {
      tensors.forEach(writer::write);
      writer.commit();
    }
    return model;
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).toList();
    }
  }

  /// Counts what is allocated in its arenas and not yet closed.
  private static final class MemoryMeter {
    private long live;
    private long peak;
    private long total;

    Arena arena() {
      return new CountingArena(Arena.ofShared());
    }

    long live() {
      return live;
    }

    long peak() {
      return peak;
    }

    long total() {
      return total;
    }

    private final class CountingArena implements Arena {
      private final Arena arena;
      private long mine;

      CountingArena(Arena arena) {
        this.arena = arena;
      }

      @Override
      public MemorySegment allocate(long bytes, long alignment) {
        mine += bytes;
        live += bytes;
        total += bytes;
        peak = Math.max(peak, live);
        return arena.allocate(bytes, alignment);
      }

      @Override
      public MemorySegment.Scope scope() {
        return arena.scope();
      }

      @Override
      public void close() {
        live -= mine;
        arena.close();
      }
    }
  }
}
