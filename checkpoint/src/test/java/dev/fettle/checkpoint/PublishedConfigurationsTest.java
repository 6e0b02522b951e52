package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Published configurations: those of the supported families are read and demand the very tensors
/// that transformers makes for them on its meta device; the others are refused.
class PublishedConfigurationsTest {
  private static final JsonNode MODELS =
      Json.read(Path.of("src/test/resources/golden/parameter-counts.json")).path("models");

  static Stream<Arguments> supported() {
    return MODELS.properties().stream()
        .filter(model -> model.getValue().has("parameters"))
        .map(model -> Arguments.of(model.getKey(), model.getValue()));
  }

  static Stream<Arguments> others() {
    return MODELS.properties().stream()
        .filter(model -> !model.getValue().has("parameters"))
        .map(model -> Arguments.of(model.getKey(), model.getValue()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("supported")
  void demandWhatTransformersMakes(String name, JsonNode expected) throws NoSuchAlgorithmException {
    Path file = shared(name);
    ModelConfig config = ModelConfig.parse(Json.read(file), name);
    assertThat(config.modelType()).isEqualTo(expected.path("model_type").stringValue());
    Architecture architecture = Architecture.of(config);
    assertThat(architecture.parameterCount()).isEqualTo(expected.path("parameters").longValue());
    assertThat(architecture.tensors()).hasSize(expected.path("tensors").intValue());
    String lines =
        architecture.tensors().stream()
            .map(tensor -> tensor.name() + " " + Arrays.toString(tensor.shape().toArray()))
            .sorted()
            .collect(Collectors.joining("\n"));
    byte[] hash =
        MessageDigest.getInstance("SHA-256").digest(lines.getBytes(StandardCharsets.UTF_8));
    assertThat(HexFormat.of().formatHex(hash)).isEqualTo(expected.path("sha256").stringValue());
    assertThat(ModelConfig.parse(config.toJson(), "its own JSON")).isEqualTo(config);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("others")
  void areRefused(String name, JsonNode expected) {
    Path file = shared(name);
    assertThatThrownBy(() -> ModelConfig.parse(Json.read(file), name))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'" + expected.path("model_type").stringValue() + "'")
        .hasMessageContaining(name)
        .hasMessageContaining(
            "llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3_text, phi3, smollm3, granite");
  }

  private static Path shared(String name) {
    Path file =
        Path.of(System.getProperty("fettle.shared", "../shared"), "assets/model-configs", name);
    Assumptions.assumeTrue(Files.exists(file), "needs " + file);
    return file;
  }
}
