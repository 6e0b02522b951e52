package dev.fettle.checkpoint.gguf.vocabulary;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufValue;
import java.util.List;
import org.junit.jupiter.api.Test;

/// llama.cpp treats a file otherwise that says Phi-3 in its name.
class ModelNameTest {
  private static GgufMetadata tokenizer(String... tokens) {
    return new GgufMetadata("test").put(Keys.TOKENS, GgufValue.texts(List.of(tokens)));
  }

  private static GgufMetadata phi3() {
    return tokenizer("<unk>", "<s>", "</s>", "<|endoftext|>", "<|user|>", "a");
  }

  @Test
  void namesOfOtherTokenizersAvoidIt() {
    GgufMetadata bytes = tokenizer("a", "b");
    assertThat(ModelName.fitting("tiny-phi3", bytes)).isEqualTo("tiny-phi 3");
    assertThat(ModelName.fitting("Phi-3-mini, Phi3", bytes)).isEqualTo("Phi -3-mini, Phi 3");
    assertThat(ModelName.saysPhi3(ModelName.fitting("Phi-3-mini", bytes))).isFalse();
    assertThat(ModelName.fitting("phi-4", bytes)).isEqualTo("phi-4");
    assertThat(ModelName.fitting("my-phi3", phi3().put(Keys.RSTRIP, GgufValue.ints())))
        .as("Phi-3's tokens, but none takes white space")
        .isEqualTo("my-phi 3");
  }

  @Test
  void namesOfPhi3SayIt() {
    GgufMetadata stripping = phi3().put(Keys.RSTRIP, GgufValue.ints(4));
    assertThat(ModelName.fitting("my-tune", stripping)).isEqualTo("Phi-3 my-tune");
    assertThat(ModelName.fitting("Phi-3-mini", stripping)).isEqualTo("Phi-3-mini");
  }

  /// In a file of llama.cpp's the name is all there is.
  @Test
  void aFileThatSaysItKeepsIt() {
    GgufMetadata file = phi3().put("general.name", "Phi 3 mini").put("general.name", "Phi-3");
    assertThat(ModelName.fitting("copy", file)).isEqualTo("Phi-3 copy");
    assertThat(ModelName.fitting("copy", phi3())).isEqualTo("copy");
  }
}
