package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// Model folders in the layouts that are asked for by name.
class FolderFormatTest {
  private static final String UP = "model.layers.0.mlp.up_proj.weight";
  private static final String DOWN = "model.layers.0.mlp.down_proj.weight";
  private static final long ROWS = 64;
  private static final long COLUMNS = 128;

  @TempDir Path root;
  private int models;

  @ParameterizedTest
  @CsvSource({
    "gptq, int4:sym:group=32",
    "gptq, int8:sym:channel",
    "gptq, int3:sym:group=64",
    "gptq, int2:sym:group=16",
    "gptq_v2, int4:asym:group=128",
    "gptq_v2, uint8:asym:channel",
    "gptq_v2, int4:sym:group=32",
    "awq, int4:asym:group=32",
    "awq, int4:sym:channel",
    "awq, uint4:asym:group=64",
    "compressed-tensors, int4:asym:group=32",
  })
  void whatIsWrittenIsReadBack(String format, String text) {
    Scheme scheme = Scheme.parse(text);
    FolderFormat layout = FolderFormat.parse(format);
    HostTensor weight = TestWeights.normal(3, DType.F32, ROWS, COLUMNS);
    Path output = root.resolve("q");
    CheckpointQuantizer.quantize(
        write(weight), output, QuantizeOptions.of(scheme).withFormat(layout), tensor -> {});
    QuantizedTensor expected =
        Quantizer.quantize(UP, weight, scheme, layout.scaleDtype(), Arena.ofAuto());
    try (Checkpoint folder = Checkpoint.open(output)) {
      AffineTensor actual = (AffineTensor) QuantizedWeights.of(folder).read(UP, weight.shape());
      assertThat(actual.groupIndex()).isNull();
      assertThat(TestWeights.floats(actual)).isEqualTo(TestWeights.floats(expected));
      if (layout.scaleDtype() != null) {
        assertThat(actual.scales().dtype()).isEqualTo(DType.F16);
      }
      JsonNode config = folder.configJson().path("quantization_config");
      assertThat(config.path("quant_method").asString()).isEqualTo(format.replace("_v2", ""));
    }
  }

  /// Readers of all ages find the format, the grid and what is left out.
  @Test
  void configurationsNameWhatReadersAskFor() {
    JsonNode gptq = config(FolderFormat.GPTQ_V2, "int4:asym:group=32");
    assertThat(gptq.path("checkpoint_format").asString()).isEqualTo("gptq_v2");
    assertThat(gptq.path("format").asString()).isEqualTo("gptq_v2");
    assertThat(gptq.path("method").asString()).isEqualTo("gptq");
    assertThat(gptq.path("sym").asBoolean(true)).isFalse();
    assertThat(gptq.path("desc_act").asBoolean(true)).isFalse();
    assertThat(gptq.path("group_size").asInt()).isEqualTo(32);
    assertThat(gptq.path("dynamic").properties().iterator().next().getKey())
        .isEqualTo("-:^model\\.layers\\.0\\.mlp\\.down_proj$");
    assertThat(gptq.path("modules_in_block_to_quantize").path(0).path(0).asString())
        .isEqualTo("mlp.up_proj");
    JsonNode awq = config(FolderFormat.AWQ, "int4:asym:channel");
    assertThat(awq.path("version").asString()).isEqualTo("gemm");
    assertThat(awq.path("format").asString()).isEqualTo("gemm");
    assertThat(awq.path("zero_point").asBoolean(false)).isTrue();
    assertThat(awq.path("group_size").asInt()).isEqualTo(-1);
    assertThat(awq.path("modules_to_not_convert").toString())
        .isEqualTo("[\"lm_head\",\"model.layers.0.mlp.down_proj\"]");
  }

  private JsonNode config(FolderFormat format, String scheme) {
    Path output = root.resolve(format.text());
    HostTensor weight = TestWeights.normal(3, DType.BF16, ROWS, COLUMNS);
    QuantizeOptions options =
        new QuantizeOptions(Scheme.parse(scheme), null, List.of("down_proj")).withFormat(format);
    CheckpointQuantizer.quantize(write(weight), output, options, tensor -> {});
    try (Checkpoint folder = Checkpoint.open(output)) {
      assertThat(QuantizedWeights.of(folder).isQuantized(DOWN)).isFalse();
      return folder.configJson().path("quantization_config");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "gptq | int4:asym:group=32 | use --format gptq_v2, awq or compressed-tensors",
        "gptq | int5:sym:group=32 | integers of 2, 3, 4 or 8 bits, not int5:sym:group=32",
        "gptq_v2 | int4:asym:group=8 | kernels for groups of [16, 32, 64, 128, 256, 512, 1024], not 8",
        "gptq | int4:sym:tensor | scales per group or per output channel",
        "gptq | nf4:group=64 | leave out --format, or name bitsandbytes",
        "bitsandbytes | int4:sym:group=32 | name compressed-tensors",
        "awq | int3:asym:group=32 | AWQ folders hold 4-bit integers, not int3:asym:group=32",
        "awq | int4:asym:group=256 | groups of [16, 32, 64, 128], not int4:asym:group=256",
        "awq | int4:asym:block=2x32 | choose one of these or --format compressed-tensors",
        "awq | mxfp4 | AWQ folders hold 4-bit integers, not mxfp4",
      })
  void refusesWhatTheLayoutCannotHold(String format, String scheme, String message) {
    Path model = write(TestWeights.normal(3, DType.BF16, ROWS, COLUMNS));
    QuantizeOptions options =
        QuantizeOptions.of(Scheme.parse(scheme)).withFormat(FolderFormat.parse(format));
    assertThatThrownBy(
            () -> CheckpointQuantizer.quantize(model, root.resolve("q"), options, tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
    assertThat(root.resolve("q")).doesNotExist();
  }

  @Test
  void refusesLayersThatDoNotFillWords() {
    Path model = write(TestWeights.normal(3, DType.BF16, 172, COLUMNS));
    for (FolderFormat format : List.of(FolderFormat.GPTQ, FolderFormat.AWQ)) {
      QuantizeOptions options =
          QuantizeOptions.of(Scheme.parse("int4:sym:group=32")).withFormat(format);
      assertThatThrownBy(
              () -> CheckpointQuantizer.quantize(model, root.resolve("q"), options, tensor -> {}))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("shape [172, 128]")
          .hasMessageContaining("--skip-modules");
    }
  }

  @Test
  void refusesQuantizedActivationsAndScalesBeyondFloat16() {
    float[] values = new float[(int) (ROWS * COLUMNS)];
    values[5] = 1e9f;
    Path model = write(TestWeights.of(values, DType.F32, ROWS, COLUMNS));
    QuantizeOptions options =
        QuantizeOptions.of(Scheme.parse("int4:sym:group=32")).withFormat(FolderFormat.GPTQ);
    assertThatThrownBy(
            () -> CheckpointQuantizer.quantize(model, root.resolve("q"), options, tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("need the scale 1.33333336E8, and float16 ends at 65504.0");
    QuantizeOptions both =
        options.withActivations(ActivationQuantization.parse("int8:sym:token"), Map.of());
    assertThatThrownBy(
            () -> CheckpointQuantizer.quantize(model, root.resolve("q"), both, tensor -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no place for quantized activations");
  }

  /// Columns in groups of their own choice, through every layout that has a place for them.
  @ParameterizedTest
  @CsvSource({
    "gptq, int4:sym:group=32",
    "gptq_v2, int8:asym:group=32",
    "compressed-tensors, int4:asym:group=32"
  })
  void groupsInAnyOrderAreWrittenAndReadBack(String format, String text) {
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(text);
    HostTensor weight = TestWeights.normal(4, DType.F16, ROWS, COLUMNS);
    AffineTensor indexed = indexed(weight, scheme);
    Path output = root.resolve("q");
    try (UnpackedCheckpoint source = UnpackedCheckpoint.open(write(weight))) {
      CheckpointQuantizer.quantize(
          source,
          output,
          QuantizeOptions.of(scheme).withFormat(FolderFormat.parse(format)).withGroupIndex(true),
          (module, tensor, wanted, allocator) -> indexed,
          tensor -> {});
    }
    try (Checkpoint folder = Checkpoint.open(output)) {
      AffineTensor read = (AffineTensor) QuantizedWeights.of(folder).read(UP, weight.shape());
      assertThat(TestWeights.floats(read)).isEqualTo(TestWeights.floats(indexed));
      assertThat(GroupIndex.read(Objects.requireNonNull(read.groupIndex())))
          .isEqualTo(GroupIndex.read(Objects.requireNonNull(indexed.groupIndex())));
    }
  }

  /// Rounding with an index is rounding the columns sorted by group.
  @Test
  void aGroupIndexMeansTheColumnsSortedByGroup() {
    for (String text :
        new String[] {"int4:asym:group=32", "int8:sym:group=32", "int3:sym:group=32"}) {
      Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(text);
      HostTensor weight = TestWeights.normal(4, DType.F32, ROWS, COLUMNS);
      AffineTensor indexed = indexed(weight, scheme);
      int[] groups = GroupIndex.read(Objects.requireNonNull(indexed.groupIndex()));
      int[] order =
          IntStream.range(0, groups.length)
              .boxed()
              .sorted(Comparator.comparingInt(i -> groups[i]))
              .mapToInt(i -> i)
              .toArray();
      float[] sorted = permuted(weight.toFloats(), order);
      HostTensor plain = TestWeights.of(sorted, DType.F32, ROWS, COLUMNS);
      assertThat(permuted(TestWeights.floats(indexed), order))
          .isEqualTo(TestWeights.floats(Quantizer.quantize(plain, scheme)));
    }
  }

  private static float[] permuted(float[] values, int[] order) {
    float[] result = new float[values.length];
    for (int row = 0; row < ROWS; row++) {
      for (int i = 0; i < COLUMNS; i++) {
        result[(int) (row * COLUMNS + i)] = values[(int) (row * COLUMNS + order[i])];
      }
    }
    return result;
  }

  /// A weight rounded in groups of columns drawn at random.
  private static AffineTensor indexed(HostTensor weight, Scheme.Affine scheme) {
    int[] groups = IntStream.range(0, (int) COLUMNS).map(i -> i / 32).toArray();
    Random random = new Random(9);
    for (int i = groups.length - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int group = groups[i];
      groups[i] = groups[other];
      groups[other] = group;
    }
    HostTensor floats = TestWeights.of(weight.toFloats(), DType.F32, ROWS, COLUMNS);
    AffineScales scales =
        new AffineScales(
            "w",
            weight.shape(),
            weight.dtype(),
            null,
            scheme,
            GroupIndex.of(groups, 32),
            Arena.ofAuto());
    scales.fit(floats);
    return scales.round(weight, Arena.ofAuto());
  }

  private Path write(HostTensor weight) {
    Path model = root.resolve("model" + models++);
    Shape shape = weight.shape();
    HostTensor down = TestWeights.normal(8, weight.dtype(), shape.dim(0), shape.dim(1));
    List<TensorInfo> plan =
        List.of(
            new TensorInfo(UP, weight.dtype(), shape),
            new TensorInfo(DOWN, weight.dtype(), down.shape()));
    try (CheckpointWriter writer = CheckpointWriter.create(model, Json.object(), plan, List.of())) {
      writer.write(UP, weight);
      writer.write(DOWN, down);
      writer.commit();
    }
    return model;
  }
}
