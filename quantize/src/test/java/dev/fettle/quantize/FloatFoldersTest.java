package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.compressedtensors.CompressedTensorsLayout;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Model folders in small floating-point numbers.
class FloatFoldersTest {
  private static final String NAME = "model.layers.0.mlp.up_proj.weight";

  @TempDir Path root;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fp4:group=64", "fp4:group=64:double", "fp8_e4m3:tensor", "fp8_e4m3:channel",
        "fp8_e4m3:group=32", "fp8_e4m3:block=48x32", "mxfp4", "nvfp4"
      })
  void whatIsWrittenIsReadBack(String text) {
    Scheme scheme = Scheme.parse(text);
    for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
      HostTensor weight = TestWeights.normal(3, dtype, 96, 64);
      Path output = root.resolve("q-" + dtype);
      CheckpointQuantizer.quantize(write(weight), output, QuantizeOptions.of(scheme), tensor -> {});
      try (Checkpoint folder = Checkpoint.open(output)) {
        QuantizedWeights weights = QuantizedWeights.of(folder);
        assertThat(weights.isQuantized(NAME)).isTrue();
        QuantizedTensor actual = weights.read(NAME, weight.shape());
        assertThat(actual.scheme()).isEqualTo(scheme);
        assertThat(TestWeights.floats(actual))
            .isEqualTo(TestWeights.floats(Quantizer.quantize(weight, scheme)));
      }
    }
  }

  /// Names, dtypes and shapes are those that compressed-tensors wrote.
  @ParameterizedTest
  @CsvSource({
    "fp8_tensor,fp8_e4m3:tensor",
    "fp8_channel,fp8_e4m3:channel",
    "fp8_group,fp8_e4m3:group=32",
    "mxfp4,mxfp4",
    "nvfp4,nvfp4"
  })
  void layoutIsThatOfCompressedTensors(String name, String text) throws URISyntaxException {
    Path file =
        Path.of(
            Objects.requireNonNull(
                    FloatFoldersTest.class.getResource("/golden/float-codes.safetensors"))
                .toURI());
    try (SafetensorsFile golden = SafetensorsFile.open(file)) {
      HostTensor input = golden.tensor("input." + name);
      List<TensorInfo> plan =
          CompressedTensorsLayout.plan(
              name, input.shape(), input.dtype(), Scheme.parse(text), null, false);
      List<TensorInfo> expected =
          golden.infos().values().stream()
              .filter(info -> info.name().startsWith(name + "."))
              .toList();
      assertThat(plan).containsExactlyInAnyOrderElementsOf(expected);
    }
  }

  @Test
  void refusesWhatNoFolderCanHold() {
    Path model = write(TestWeights.normal(3, DType.BF16, 96, 64));
    for (String text : new String[] {"fp8_e5m2:channel", "fp8_e4m3:channel=1", "q8_0"}) {
      QuantizeOptions options = QuantizeOptions.of(Scheme.parse(text));
      assertThatThrownBy(
              () -> CheckpointQuantizer.quantize(model, root.resolve("q"), options, tensor -> {}))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(text);
    }
    assertThat(root.resolve("q")).doesNotExist();
  }

  private Path write(HostTensor weight) {
    Path model = root.resolve("model-" + weight.dtype());
    List<TensorInfo> plan = List.of(new TensorInfo(NAME, weight.dtype(), weight.shape()));
    try (CheckpointWriter writer = CheckpointWriter.create(model, Json.object(), plan, List.of())) {
      writer.write(NAME, weight);
      writer.commit();
    }
    return model;
  }
}
