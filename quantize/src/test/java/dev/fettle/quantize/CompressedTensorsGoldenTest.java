package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.quantize.compressedtensors.CompressedTensorsLayout;
import dev.fettle.tensor.HostTensor;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The bytes of compressed-tensors, from the same weights;
/// `tools/golden/make_compressed_tensors.py`.
class CompressedTensorsGoldenTest {
  @ParameterizedTest
  @CsvSource({
    "int4:sym:group=32, pack",
    "int4:asym:group=32, pack",
    "int8:sym:channel, pack",
    "int8:sym:channel, int",
    "int8:asym:channel, pack",
    "int8:asym:channel, int",
    "int3:sym:group=32, pack",
    "int6:asym:group=32, pack",
    "int8:asym:tensor, pack",
    "int8:asym:tensor, int",
  })
  void everyTensorHasTheSameBytes(String scheme, String kind) throws URISyntaxException {
    try (TensorSource golden = SafetensorsFile.open(golden())) {
      QuantizedTensor ours = Quantizer.quantize(golden.tensor("input"), Scheme.parse(scheme));
      @Nullable ActivationQuantization activations =
          kind.equals("int") ? ActivationQuantization.parse("int8:sym:token") : null;
      Map<String, HostTensor> written =
          CompressedTensorsLayout.tensors("m", ours, activations, false, null);
      String prefix = scheme + "/" + kind + ".";
      long expected =
          golden.infos().keySet().stream().filter(name -> name.startsWith(prefix)).count();
      assertThat(written).hasSize((int) expected);
      written.forEach((name, tensor) -> {
        HostTensor theirs = golden.tensor(prefix + name.substring("m.".length()));
        assertThat(tensor.dtype()).as(name).isEqualTo(theirs.dtype());
        assertThat(tensor.shape()).as(name).isEqualTo(theirs.shape());
        assertThat(tensor.data().mismatch(theirs.data())).as(name).isEqualTo(-1);
      });
    }
  }

  private static Path golden() throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(
                CompressedTensorsGoldenTest.class.getResource(
                    "/golden/compressed-tensors.safetensors"))
            .toURI());
  }
}
