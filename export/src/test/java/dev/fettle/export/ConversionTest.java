package dev.fettle.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConversionTest {
  private static final String UP = "model.layers.1.mlp.up_proj.weight";

  @TempDir Path root;

  @ParameterizedTest
  @CsvSource({
    "int4:sym:group=32, compressed-tensors",
    "int8:sym:channel, compressed-tensors",
    "fp8_e4m3:channel, compressed-tensors",
    "llm.int8, bitsandbytes",
    "fp4:group=64, bitsandbytes"
  })
  void keepsTheIntegersThatAreThere(String scheme, String format) throws IOException {
    Path packed = quantized(scheme, DType.F16);
    ConversionReport report =
        run(packed, ConversionOptions.of(ExportFormat.parse(format)), "converted");
    assertThat(report.exact()).isTrue();
    assertThat(report.tensors())
        .hasSize(14)
        .allSatisfy(tensor -> {
          assertThat(tensor.from()).isEqualTo(scheme);
          assertThat(tensor.to()).isEqualTo(scheme);
        });
    assertThat(report.outputBytes()).isEqualTo(report.inputBytes());
    sameNumbers(packed, report.output());
  }

  @Test
  void unpacksIntoPlainWeightsAndMeasuresTheRounding() throws IOException {
    Path packed = quantized("nf4:group=64:double", DType.BF16);
    ConversionReport rounded = run(packed, ConversionOptions.of(ExportFormat.SAFETENSORS), "bf16");
    assertThat(rounded.exact()).isFalse();
    assertThat(rounded.worstSqnrDb()).isBetween(45.0, 65.0); // 8 significant bits
    ConversionReport exact =
        run(packed, ConversionOptions.of(ExportFormat.SAFETENSORS).withDtype(DType.F32), "f32");
    assertThat(exact.exact()).isTrue();
    sameNumbers(packed, exact.output());
    try (UnpackedCheckpoint plain = UnpackedCheckpoint.open(exact.output())) {
      assertThat(plain.isQuantized()).isFalse();
      assertThat(plain.stored().config().torchDtype()).isEqualTo(DType.F32);
    }
  }

  @Test
  void roundsAgainOnlyWhenToldSo() throws IOException {
    Path packed = quantized("nf4:group=64", DType.F16);
    ConversionOptions options = ConversionOptions.of(ExportFormat.COMPRESSED_TENSORS);
    assertThatThrownBy(() -> run(packed, options, "out"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model.layers.0.self_attn.q_proj.weight")
        .hasMessageContaining("nf4:group=64")
        .hasMessageContaining("--scheme");
    assertThat(root.resolve("out")).doesNotExist();
    ConversionReport report =
        run(packed, options.withScheme(Scheme.parse("int8:sym:channel")), "out");
    assertThat(report.inexact()).isEqualTo(14);
    assertThat(report.worstSqnrDb()).isBetween(35.0, 50.0);
  }

  @Test
  void integersOfBitsandbytesMoveToCompressedTensors() throws IOException {
    Path packed = quantized("llm.int8", DType.F16);
    ConversionReport report =
        run(packed, ConversionOptions.of(ExportFormat.COMPRESSED_TENSORS), "out");
    assertThat(report.tensors().getFirst().to()).isEqualTo("int8:sym:channel");
    assertThat(report.worstSqnrDb()).isGreaterThan(60); // only the scales are rounded
  }

  @Test
  void doesNotForgetThatInputsAreQuantized() throws IOException {
    Path model = SmallModel.write(root.resolve("model"), DType.BF16);
    Path packed = root.resolve("w8a8");
    CheckpointQuantizer.quantize(
        model,
        packed,
        QuantizeOptions.of(Scheme.parse("int8:sym:channel"))
            .withActivations(
                new ActivationQuantization((Scheme.Affine) Scheme.parse("int8:sym:token")),
                Map.of()),
        tensor -> {});
    ConversionOptions plain = ConversionOptions.of(ExportFormat.SAFETENSORS);
    assertThatThrownBy(() -> run(packed, plain, "plain"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("int8:sym:token")
        .hasMessageContaining("--weights-only");
    assertThat(Files.exists(root.resolve("plain"))).isFalse();
    assertThat(run(packed, plain.withWeightsOnly(true), "plain").tensors()).hasSize(14);
    ConversionReport kept =
        run(packed, ConversionOptions.of(ExportFormat.COMPRESSED_TENSORS), "kept");
    try (UnpackedCheckpoint again = UnpackedCheckpoint.open(kept.output())) {
      assertThat(
              again
                  .packedWeights()
                  .activations(Architecture.of(again.stored().config()).linears().getFirst()))
          .isNotNull();
    }
  }

  private ConversionReport run(Path source, ConversionOptions options, String name) {
    return Conversion.run(source, root.resolve(name), options, ExportListener.none());
  }

  private Path quantized(String scheme, DType dtype) throws IOException {
    Path model = SmallModel.write(root.resolve("model"), dtype);
    Path packed = root.resolve("packed");
    CheckpointQuantizer.quantize(
        model, packed, QuantizeOptions.of(Scheme.parse(scheme)), tensor -> {});
    return packed;
  }

  private static void sameNumbers(Path one, Path other) {
    try (UnpackedCheckpoint a = UnpackedCheckpoint.open(one);
        UnpackedCheckpoint b = UnpackedCheckpoint.open(other);
        Arena arena = Arena.ofShared()) {
      assertThat(b.tensor(UP, DType.F32, arena).toFloats())
          .containsExactly(a.tensor(UP, DType.F32, arena).toFloats());
    }
  }
}
