package dev.fettle.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.gguf.GgufConfig;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.engine.Scope;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Random;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Adapters as GGUF files: the same model comes out, and what they cannot hold is refused.
class GgufAdapterTest {
  private static final Path FAMILIES = Path.of("../model/src/test/resources/golden/families");

  /// Scales and B are rounded to float32 once more where alpha is another; logits are below 20.
  private static final double LOGITS = 2e-5;

  private static final String PLAIN = "'r': 4, 'lora_alpha': 8.0";
  private static final String PATTERNS =
      "'r': 4, 'lora_alpha': 8.0, 'use_rslora': true, 'rank_pattern': {'down_proj': 6},"
          + " 'alpha_pattern': {'k_proj': 3.0}";

  @TempDir Path folder;

  /// A PEFT folder with random numbers for all of q, k and down projections.
  private Path adapter(String family, String keys, DType dtype) throws IOException {
    Path adapter = Files.createDirectories(folder.resolve("peft"));
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    Random random = new Random(7);
    try (Checkpoint base = Checkpoint.open(FAMILIES.resolve(family))) {
      for (LinearModule module : Architecture.of(base.config()).linears()) {
        String name = module.shortName();
        if (name.equals("q_proj") || name.equals("k_proj") || name.equals("down_proj")) {
          int rank = keys.equals(PATTERNS) && name.equals("down_proj") ? 6 : 4;
          String key = "base_model.model." + module.name();
          tensors.put(key + ".lora_A.weight", random(random, dtype, rank, module.inFeatures()));
          tensors.put(key + ".lora_B.weight", random(random, dtype, module.outFeatures(), rank));
        }
      }
    }
    SafetensorsWriter.write(
        adapter.resolve(AdapterFolder.TENSORS), tensors, SafetensorsWriter.PYTORCH_METADATA);
    String json =
        "{'peft_type': 'LORA', 'task_type': 'CAUSAL_LM', 'target_modules': ['q_proj', 'k_proj', 'down_proj'], "
            + keys
            + "}";
    Files.writeString(adapter.resolve(AdapterFolder.CONFIG), json.replace('\'', '"'));
    return adapter;
  }

  private static HostTensor random(Random random, DType dtype, long rows, long columns) {
    float[] values = new float[(int) (rows * columns)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (random.nextInt(256) - 128) / 256f; // bfloat16 holds them
    }
    HostTensor floats = HostTensor.of(values, rows, columns);
    return Casts.to(dtype, floats, Arena.ofAuto());
  }

  private Path export(String family, Path adapter) {
    Path file = folder.resolve("adapter.gguf");
    try (Checkpoint base = Checkpoint.open(FAMILIES.resolve(family))) {
      GgufAdapter.write(adapter, base, file, ExportListener.none());
    }
    return file;
  }

  private static float[] logits(String family, Path adapter) {
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(family), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(adapter);
        LoraAdapter attached = LoraAdapter.attach(model, stored);
        Scope scope = Scope.open()) {
      assertThat(attached.targets()).hasSize(3 * model.config().numHiddenLayers());
      return model.logits(new int[][] {{1, 17, 2, 50, 33, 33, 4, 8, 60, 71, 5}}).toFloats();
    }
  }

  private static double difference(float[] a, float[] b) {
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(a[i] - b[i]));
    }
    return largest;
  }

  @ParameterizedTest
  @CsvSource({"llama3,F32", "llama3,BF16", "mistral,F16", "qwen2,F32"})
  void plainLoraIsTheSameToTheBit(String family, DType dtype) throws IOException {
    Path peft = adapter(family, PLAIN, dtype);
    Path gguf = export(family, peft);
    assertThat(logits(family, gguf)).isEqualTo(logits(family, peft));
    try (GgufFile file = GgufFile.open(gguf)) {
      assertThat(file.metadata().requiredNumber("adapter.lora.alpha")).isEqualTo(8);
      assertThat(file.tensors().get("blk.1.ffn_down.weight.lora_a"))
          .isEqualTo(
              new GgufTensorInfo(
                  "blk.1.ffn_down.weight.lora_a", Shape.of(4, 56), GgufTensorType.of(dtype)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "qwen2", "gemma2", "gemma3"})
  void scalesOfEveryLayerAreBakedIn(String family) throws IOException {
    Path peft = adapter(family, PATTERNS, DType.F32);
    assertThat(difference(logits(family, export(family, peft)), logits(family, peft)))
        .isLessThan(LOGITS);
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "qwen2"})
  void rowsOfQueriesAndKeysAreLlamaCpps(String family) throws IOException {
    Path peft = adapter(family, PLAIN, DType.F32);
    Path gguf = export(family, peft);
    try (GgufFile file = GgufFile.open(gguf);
        SafetensorsFile folderFile = SafetensorsFile.open(peft.resolve(AdapterFolder.TENSORS))) {
      HostTensor b =
          folderFile.tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
      MemorySegment stored = file.data("blk.0.attn_q.weight.lora_b");
      long row = b.byteSize() / b.shape().dim(0);
      int source = family.equals("llama3") ? 4 : 1; // heads are 8 wide
      assertThat(stored.asSlice(row, row).mismatch(b.data().asSlice(source * row, row)))
          .isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {PLAIN, PATTERNS})
  void becomesAPeftFolderAgain(String keys) throws IOException {
    Path gguf = export("llama3", adapter("llama3", keys, DType.F32));
    Path again = folder.resolve("again");
    try (Checkpoint base = Checkpoint.open(FAMILIES.resolve("llama3"))) {
      GgufAdapter.toPeft(gguf, base, again);
    }
    assertThat(logits("llama3", again)).isEqualTo(logits("llama3", gguf));
    assertThat(Json.read(again.resolve(AdapterFolder.CONFIG)).get("peft_type").asString())
        .isEqualTo("LORA");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "'use_dora': true | use_dora",
        "'bias': 'all' | bias=all",
        "'lora_bias': true | lora_bias",
        "'modules_to_save': ['lm_head'] | modules_to_save"
      })
  void whatLlamaCppHasNoPlaceForIsRefused(String keys, String reason) throws IOException {
    String json = PLAIN + ", " + keys;
    Path peft = adapter("llama3", json, DType.F32);
    assertThatThrownBy(() -> export("llama3", peft))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(reason)
        .hasMessageContaining("fettle merge");
    assertThat(folder.resolve("adapter.gguf")).doesNotExist();
  }

  @Test
  void adaptersOfOtherModelsAreRefused() throws IOException {
    Path gguf = export("llama3", adapter("llama3", PLAIN, DType.F32));
    assertThatThrownBy(() -> logits("qwen2", gguf))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("architecture 'llama'");
    refuse(
        "not of type", meta().put(GgufConfig.TYPE, "model"), List.of(), "an adapter has 'adapter'");
    refuse("holds no pair", meta(), List.of(), "holds no pair");
    refuse(
        "unknown",
        meta(),
        List.of(new GgufTensorInfo("blk.0.attn_norm.weight", Shape.of(4), GgufTensorType.F32)),
        "belongs to no linear layer");
    refuse(
        "half a pair",
        meta(),
        List.of(
            new GgufTensorInfo("blk.0.attn_q.weight.lora_a", Shape.of(4, 32), GgufTensorType.F32)),
        "not one of a pair");
    refuse(
        "ranks",
        meta(),
        List.of(
            new GgufTensorInfo("blk.0.attn_q.weight.lora_a", Shape.of(4, 32), GgufTensorType.F32),
            new GgufTensorInfo("blk.0.attn_q.weight.lora_b", Shape.of(32, 5), GgufTensorType.F32)),
        "ranks differ");
    refuse(
        "rows",
        meta(),
        List.of(
            new GgufTensorInfo("blk.0.attn_q.weight.lora_a", Shape.of(4, 32), GgufTensorType.F32),
            new GgufTensorInfo("blk.0.attn_q.weight.lora_b", Shape.of(40, 4), GgufTensorType.F32)),
        "this model needs");
  }

  private static GgufMetadata meta() {
    return new GgufMetadata("here")
        .put(GgufConfig.ARCHITECTURE, "llama")
        .put(GgufConfig.TYPE, "adapter")
        .put("adapter.type", "lora")
        .put("adapter.lora.alpha", GgufValue.f32(8));
  }

  private void refuse(
      String name, GgufMetadata metadata, List<GgufTensorInfo> tensors, String message) {
    Path file = folder.resolve(name + ".gguf");
    GgufWriter.write(
        file,
        metadata,
        tensors,
        (tensor, sink) -> sink.put(MemorySegment.ofArray(new byte[(int) tensor.bytes()])));
    assertThatThrownBy(() -> logits("llama3", file))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  /// As `convert_lora_to_gguf.py --outtype q8_0` writes them, and with alpha 0, which means 1.
  @Test
  void eightBitPairsWithoutAlphaAreRead() throws IOException {
    Path file = folder.resolve("q8.gguf");
    List<GgufTensorInfo> tensors =
        List.of(
            new GgufTensorInfo("blk.0.ffn_up.weight.lora_a", Shape.of(32, 32), GgufTensorType.Q8_0),
            new GgufTensorInfo("blk.0.ffn_up.weight.lora_b", Shape.of(56, 32), GgufTensorType.F16));
    GgufWriter.write(
        file,
        meta().put("adapter.lora.alpha", GgufValue.f32(0)),
        tensors,
        (tensor, sink) -> {
          byte[] bytes = new byte[(int) tensor.bytes()];
          for (int i = 1; i < bytes.length; i += tensor.type() == GgufTensorType.Q8_0 ? 34 : 2) {
            bytes[i] = 0x2C; // float16 0.0625
            if (tensor.type() == GgufTensorType.Q8_0) {
              bytes[i + 1] = 16;
            }
          }
          sink.put(MemorySegment.ofArray(bytes));
        });
    try (Checkpoint base = Checkpoint.open(FAMILIES.resolve("llama3"));
        AdapterFolder adapter = AdapterFolder.open(file)) {
      assertThat(adapter.plan(Architecture.of(base.config())).lowRanks().getFirst().scale())
          .isEqualTo(1);
      HostTensor a = adapter.tensor("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight");
      assertThat(a.toFloats()).startsWith(1, 0, 0).hasSize(1024);
    }
  }
}
