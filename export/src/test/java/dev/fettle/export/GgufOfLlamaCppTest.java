package dev.fettle.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.gguf.GgufFamily;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.RowPermutation;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.io.Reader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Properties;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Files that llama.cpp's own quantizer wrote, against what gguf-py reads from them; see
/// `tools/golden/make_gguf_llama_cpp.py`.
class GgufOfLlamaCppTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  @ParameterizedTest
  @ValueSource(strings = {"q3_k_m", "q4_k_m", "q6_k"})
  void hasTheNumbersThatGgufPyReads(String name) throws IOException {
    Properties digests = new Properties();
    try (Reader reader = Files.newBufferedReader(GOLDEN.resolve("llama-cpp.properties"))) {
      digests.load(reader);
    }
    int compared = 0;
    try (UnpackedCheckpoint unpacked =
        UnpackedCheckpoint.open(GOLDEN.resolve("llama-cpp-" + name + ".gguf"))) {
      GgufCheckpoint file = (GgufCheckpoint) unpacked.stored();
      for (GgufTensorInfo tensor : file.file().tensors().values()) {
        String weight = Objects.requireNonNull(GgufFamily.LLAMA.toHuggingFace(tensor.name()));
        try (Arena arena = Arena.ofShared()) {
          HostTensor values = unpacked.tensor(weight, DType.F32, arena);
          assertThat(values.shape()).isEqualTo(tensor.shape());
          String key = name + "/" + tensor.name() + "/" + tensor.type();
          assertThat(sha256(inFileOrder(weight, values, file.config(), arena)))
              .as(key)
              .isEqualTo(digests.getProperty(key));
          compared++;
        }
      }
    }
    assertThat(compared).isEqualTo(2 * 9 + 3);
  }

  private static MemorySegment inFileOrder(
      String weight, HostTensor values, ModelConfig config, Arena arena) {
    RowPermutation permutation = GgufFamily.LLAMA.permutation(weight, config);
    if (permutation == null) {
      return values.data();
    }
    MemorySegment permuted = arena.allocate(values.byteSize());
    permutation.toGguf(values.data(), permuted);
    return permuted;
  }

  private static String sha256(MemorySegment bytes) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(bytes.toArray(ValueLayout.JAVA_BYTE));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"q4_k_m", "q6_k"})
  void keepsTheConfigurationThatFettleWrote(String name) {
    try (Checkpoint file = Checkpoint.open(GOLDEN.resolve("llama-cpp-" + name + ".gguf"));
        Checkpoint original =
            Checkpoint.open(Path.of("../model/src/test/resources/golden/families/mistral"))) {
      assertThat(file.config().hiddenSize()).isEqualTo(original.config().hiddenSize());
      assertThat(file.config().numKeyValueHeads()).isEqualTo(original.config().numKeyValueHeads());
      assertThat(file.config().layers()).isEqualTo(original.config().layers());
      assertThat(file.isQuantized()).isTrue();
    }
  }
}
