package dev.fettle.doctor;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Illnesses of configuration and weights: each is made, found under its id, and nothing else is.
class SickCheckpointsTest {
  private static final String LAYER = "model.layers.1.mlp.up_proj.weight";

  @TempDir Path root;
  private TestModel model;

  @BeforeEach
  void healthy() throws IOException {
    model = TestModel.write(root.resolve("model"));
  }

  private Examination examine() {
    return Examination.of(model.path());
  }

  @Test
  void aHeadThatDiffersThoughItIsTied() throws IOException {
    model.edit("config.json", json -> json.put("tie_word_embeddings", true));
    Examination examination = examine();
    examination.finds(Severity.ERROR, "tied-weights", "lm_head.weight has other numbers");
    examination.isSoundExcept("tied-weights");
  }

  @Test
  void aHeadThatEqualsTheEmbeddingIsFine() throws IOException {
    model
        .edit("config.json", json -> json.put("tie_word_embeddings", true))
        .weights(SickCheckpointsTest::tie);
    Examination examination = examine();
    assertThat(examination.worst("tied-weights").severity()).isEqualTo(Severity.OK);
    model.edit("config.json", json -> json.put("tie_word_embeddings", false));
    assertThat(examine().worst("tied-weights").severity()).isEqualTo(Severity.NOTE);
  }

  private static SequencedMap<String, HostTensor> tie(SequencedMap<String, HostTensor> tensors) {
    HostTensor embedding = tensors.get(Architecture.EMBEDDING);
    if (embedding != null) {
      tensors.put(Architecture.OUTPUT_HEAD, embedding);
    }
    return tensors;
  }

  @Test
  void noHeadThoughItIsNotTied() throws IOException {
    model.weights(tensors -> {
      tensors.remove(Architecture.OUTPUT_HEAD);
      return tensors;
    });
    Examination examination = examine();
    examination.finds(Severity.ERROR, "tied-weights", "no lm_head.weight");
    examination.finds(Severity.ERROR, "checkpoint", "1 tensors", "lm_head.weight");
  }

  @Test
  void aWeightThatIsNotANumber() throws IOException {
    model.weights(tensors -> {
      HostTensor weight = requireNonNull(tensors.get(LAYER));
      float[] values = weight.toFloats();
      values[3 * 32 + 5] = Float.NaN;
      tensors.put(LAYER, HostTensor.of(values, weight.shape().toArray()));
      return tensors;
    });
    examine().finds(Severity.ERROR, "weights", LAYER, "NaN", "[3, 5]");
  }

  @Test
  void aWeightOfZeros() throws IOException {
    model.weights(tensors -> {
      tensors.put(LAYER, HostTensor.of(new float[64 * 32], 64, 32));
      return tensors;
    });
    examine().finds(Severity.WARNING, "weights", LAYER);
  }

  @Test
  void anotherDtypeThanTheConfigurationSaysIsNoted() throws IOException {
    model.edit("config.json", json -> json.put("torch_dtype", "bfloat16"));
    assertThat(examine().worst("weights").severity()).isEqualTo(Severity.NOTE);
  }

  @Test
  void aTensorOfAnotherShapeOneTooManyAndOneMissing() throws IOException {
    model.weights(tensors -> {
      tensors.put(LAYER, HostTensor.of(new float[32 * 32], 32, 32));
      tensors.put("score.weight", HostTensor.of(new float[] {1}, 1, 1));
      tensors.remove("model.norm.weight");
      return tensors;
    });
    Examination examination = examine();
    assertThat(examination.findings())
        .filteredOn(finding -> finding.check().equals("checkpoint"))
        .extracting(Finding::found)
        .anySatisfy(found -> assertThat(found).contains(LAYER, "[32, 32]"))
        .anySatisfy(found -> assertThat(found).contains("score.weight"))
        .anySatisfy(found -> assertThat(found).contains("missing: model.norm.weight"));
  }

  @Test
  void moreLayersThanTheConfigurationSays() throws IOException {
    model.edit("config.json", json -> json.put("num_hidden_layers", 1));
    Examination examination = examine();
    examination.finds(Severity.ERROR, "checkpoint", "holds 2 layers, config.json says 1");
    examination.isSoundExcept("checkpoint");
  }

  @Test
  void shardsThatAreNotThere() throws IOException {
    Files.move(
        model.path().resolve("model.safetensors"),
        model.path().resolve("model-00001-of-00003.safetensors"));
    Files.writeString(
        model.path().resolve("model.safetensors.index.json"),
        """
        {"weight_map": {"a": "model-00001-of-00003.safetensors",
          "b": "model-00002-of-00003.safetensors", "c": "model-00003-of-00003.safetensors"}}
        """);
    examine()
        .finds(Severity.ERROR, "checkpoint", "2 of 3 shards", "model-00002-of-00003.safetensors");
  }

  @Test
  void aPointerInsteadOfWeights() throws IOException {
    Files.writeString(
        model.path().resolve("model.safetensors"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    Examination examination = examine();
    examination.finds(Severity.ERROR, "checkpoint", "git-lfs");
    assertThat(examination.worst("checkpoint").fix()).contains("git lfs pull");
    examination.isSoundExcept("checkpoint");
  }

  @Test
  void picklesAreNotRead() throws IOException {
    model.remove("model.safetensors");
    Files.writeString(model.path().resolve("pytorch_model.bin"), "x");
    examine().finds(Severity.ERROR, "checkpoint", "pickle");
  }

  @Test
  void aQuantizationNobodyReads() throws IOException {
    model.edit(
        "config.json", json -> json.putObject("quantization_config").put("quant_method", "hqq"));
    examine().finds(Severity.ERROR, "checkpoint", "hqq");
  }

  @Test
  void aConfigurationOfAnUnknownKind() throws IOException {
    model.edit("config.json", json -> json.put("model_type", "mamba"));
    Examination examination = examine();
    examination.finds(Severity.ERROR, "checkpoint", "mamba");
    examination.isSoundExcept("checkpoint");
  }

  @Test
  void aModelThatIsNotThereIsNoFinding() {
    assertThatThrownBy(() -> Examination.of(root.resolve("nothing"), null, null, false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("nothing");
    assertThat(Json.object()).isEmpty();
  }
}
