package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.CausalLm;
import dev.fettle.model.KvCache;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// An adapter by PEFT on all linear layers of a model of every family: what it computes, beside the
/// model and merged into it, on a packed base, and token by token.
class FamilyAdaptersTest {
  private static final Path MODELS = Path.of("../model/src/test/resources/golden/families");
  private static final Path ADAPTERS = Path.of("src/test/resources/golden/families");
  private static final int[] POSITIONS = {0, 23, 40, 79};

  private static final int PROMPT = 30;

  /// Logits reach about 6; float32 rounding stays far below this.
  private static final double LOGITS = 1e-4;

  @TempDir Path folder;

  static Stream<String> families() throws IOException {
    try (Stream<Path> folders = Files.list(ADAPTERS)) {
      return folders.map(path -> path.getFileName().toString()).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void computesMergesAndWritesWhatPeftDoes(String name) {
    Path stored = ADAPTERS.resolve(name);
    int[][] ids = ids(name);
    float[] expected;
    try (TensorSource golden = SafetensorsFile.open(stored.resolve("gradients.safetensors"))) {
      expected = golden.tensor("logits").toFloats();
    }
    try (CausalLm model = CausalLm.load(MODELS.resolve(name), LoadOptions.defaults());
        AdapterFolder adapter = AdapterFolder.open(stored);
        LoraAdapter attached = LoraAdapter.attach(model, adapter)) {
      assertThat(attached.targets()).containsExactlyElementsOf(model.linears().keySet());
      assertThat(Golden.maxDifference(logits(model, ids), expected)).isLessThan(LOGITS);
      AdapterFolder.write(folder.resolve("again"), attached);
    }
    sameTensors(stored, folder.resolve("again"));
    Merge.run(MODELS.resolve(name), stored, folder.resolve("merged"), null, false, (i, n, t) -> {});
    try (CausalLm merged = CausalLm.load(folder.resolve("merged"), LoadOptions.defaults())) {
      assertThat(Golden.maxDifference(logits(merged, ids), expected)).isLessThan(LOGITS);
    }
  }

  /// In NF4 with its adapter, each token after a prompt gives the logits of the text so far.
  @ParameterizedTest
  @MethodSource("families")
  void goesOnTokenByTokenOnAPackedBase(String name) {
    LoadOptions options =
        LoadOptions.defaults()
            .withComputeDtype(DType.F32)
            .withQuantizeOnLoad(new Scheme.Nf4(64, false));
    int[] text = Arrays.copyOf(ids(name)[0], 48);
    try (CausalLm model = CausalLm.load(MODELS.resolve(name), options);
        AdapterFolder adapter = AdapterFolder.open(ADAPTERS.resolve(name));
        LoraAdapter attached = LoraAdapter.attach(model, adapter);
        KvCache cache = model.newCache(1, text.length)) {
      assertThat(attached.targets()).isNotEmpty();
      for (int at = PROMPT; at <= text.length; at++) {
        try (Scope scope = Scope.open()) {
          int[] unread = Arrays.copyOfRange(text, cache.length(), at);
          Tensor whole = model.logits(new int[][] {Arrays.copyOf(text, at)});
          float[] expected = whole.narrow(0, at - 1, 1).contiguous().toFloats();
          float[] found = model.nextLogits(new int[][] {unread}, cache).toFloats();
          assertThat(Golden.maxDifference(found, expected)).as("token " + at).isLessThan(LOGITS);
        }
      }
    }
  }

  private static int[][] ids(String name) {
    try (TensorSource golden =
        SafetensorsFile.open(MODELS.resolve(name).resolve("logits.safetensors"))) {
      return Golden.rows(golden.tensor("ids"));
    }
  }

  private static float[] logits(CausalLm model, int[][] ids) {
    long[] positions = Arrays.stream(POSITIONS).asLongStream().toArray();
    try (Scope scope = Scope.open()) {
      return model
          .logits(ids)
          .view(ids.length, ids[0].length, -1)
          .indexSelect(1, Tensors.ofLongs(positions))
          .toFloats();
    }
  }

  private static void sameTensors(Path peft, Path ours) {
    try (TensorSource before = SafetensorsFile.open(peft.resolve(AdapterFolder.TENSORS));
        TensorSource after = SafetensorsFile.open(ours.resolve(AdapterFolder.TENSORS))) {
      Set<String> names = before.infos().keySet();
      assertThat(after.infos().keySet()).isEqualTo(names);
      for (String key : names) {
        assertThat(after.tensor(key).shape()).isEqualTo(before.tensor(key).shape());
        assertThat(after.tensor(key).toFloats()).isEqualTo(before.tensor(key).toFloats());
      }
    }
  }
}
