package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.UserException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whatever is in a file, reading it either works or ends in one sentence for the user.
class MutatedInputTest {
  private static final int MUTANTS = 5_000;

  private static final String HEADER =
      """
      {"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},\
      "b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"U8","shape":[0,5],"data_offsets":[26,26]}}\
      """;

  private static final String CONFIG =
      """
      {"model_type":"llama","hidden_size":64,"intermediate_size":172,"num_hidden_layers":5,"num_attention_heads":8,\
      "num_key_value_heads":4,"vocab_size":512,"rms_norm_eps":1e-05,"rope_scaling":{"rope_type":"llama3","factor":8.0,\
      "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192},"eos_token_id":[1,2],\
      "torch_dtype":"float32","tie_word_embeddings":true}\
      """;

  /// Pieces that turn up in malicious files.
  private static final String[] PIECES = {
    "-1",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "[0,24]",
    "F64",
    ":",
    ",",
    "\u0000",
    "\\u0000",
    "}",
    "{",
    "]",
    "[",
    "\""
  };

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void safetensorsHeaders(long seed) {
    int understood =
        countUnderstood(HEADER, seed, text -> SafetensorsHeader.parse(bytes(text), 26, "mutant"));
    assertThat(understood).as("mutants that are still right").isBetween(1, MUTANTS - 1);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void configurations(long seed) {
    int understood =
        countUnderstood(
            CONFIG, seed, text -> ModelConfig.parse(Json.parse(text, "mutant"), "mutant"));
    assertThat(understood).as("mutants that are still right").isBetween(1, MUTANTS - 1);
  }

  private interface Reader {
    void read(String text);
  }

  private static int countUnderstood(String original, long seed, Reader reader) {
    Random random = new Random(seed);
    int understood = 0;
    for (int i = 0; i < MUTANTS; i++) {
      String mutant = mutate(original, random);
      try {
        reader.read(mutant);
        understood++;
      } catch (UserException e) {
        assertThat(e.getMessage()).as(mutant).doesNotContain("\n").isNotBlank();
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ": " + mutant, e);
      }
    }
    return understood;
  }

  private static String mutate(String original, Random random) {
    StringBuilder text = new StringBuilder(original);
    for (int change = random.nextInt(3); change >= 0; change--) {
      int at = random.nextInt(text.length());
      int end = Math.min(text.length(), at + random.nextInt(8));
      switch (random.nextInt(4)) {
        case 0 -> text.delete(at, Math.max(end, Math.min(at + 1, text.length() - 1)));
        case 1 -> text.replace(at, end, PIECES[random.nextInt(PIECES.length)]);
        case 2 -> text.setCharAt(at, (char) random.nextInt(256));
        default -> text.insert(at, text.substring(at, end));
      }
    }
    return text.toString();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
