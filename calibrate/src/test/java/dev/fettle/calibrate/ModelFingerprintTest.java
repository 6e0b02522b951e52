package dev.fettle.calibrate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFingerprintTest {
  @TempDir Path folder;

  @Test
  void theSameModelElsewhereHasTheSameFingerprint() throws IOException {
    Path a = EmbeddedModel.copy(folder.resolve("a"));
    Path b = EmbeddedModel.copy(folder.resolve("b"));
    Files.delete(b.resolve("tokenizer.json"));
    assertThat(fingerprint(a)).isEqualTo(fingerprint(b)).matches("[0-9a-f]{64}");
  }

  @Test
  void oneChangedWeightChangesIt() throws IOException {
    Path model = EmbeddedModel.copy(folder.resolve("a"));
    String before = fingerprint(model);
    Path file = model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[(int) (8 + headerLength(bytes))] ^= 1; // the first tensor's first byte
    Files.write(file, bytes);
    assertThat(fingerprint(model)).isNotEqualTo(before);
  }

  @Test
  void aChangeOfTheComputationChangesIt() throws IOException {
    Path model = EmbeddedModel.copy(folder.resolve("a"));
    String before = fingerprint(model);
    Path config = model.resolve("config.json");
    String text = Files.readString(config, StandardCharsets.UTF_8);
    String other = text.replaceFirst("\"rms_norm_eps\" *: *[-0-9.eE]+", "\"rms_norm_eps\": 0.5");
    assertThat(other).isNotEqualTo(text);
    Files.writeString(config, other);
    assertThat(fingerprint(model)).isNotEqualTo(before);
  }

  private static long headerLength(byte[] file) {
    long length = 0;
    for (int i = 7; i >= 0; i--) {
      length = length << 8 | (file[i] & 0xff);
    }
    return length;
  }

  private static String fingerprint(Path model) {
    try (Checkpoint folder = Checkpoint.open(model)) {
      return ModelFingerprint.of(folder);
    }
  }
}
