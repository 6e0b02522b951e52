package dev.fettle.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.export.Conversion;
import dev.fettle.export.ConversionOptions;
import dev.fettle.export.ExportFormat;
import dev.fettle.export.ExportListener;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

/// What should belong to a model, and does or does not.
class GgufAndAdapterTest {
  private static final String Q = "model.layers.0.self_attn.q_proj";

  @TempDir Path root;
  private TestModel model;

  @BeforeEach
  void healthy() throws IOException {
    model = TestModel.write(root.resolve("model"));
  }

  private Path export(TestModel from) {
    Path file = root.resolve("model.gguf");
    Conversion.run(
        from.path(),
        file,
        ConversionOptions.of(ExportFormat.GGUF).withOuttype("f32", null),
        ExportListener.none());
    return file;
  }

  private Examination withGguf(Path gguf) {
    return Examination.of(model.path(), null, gguf, false);
  }

  @Test
  void itsOwnExportIsSound() {
    Examination examination = withGguf(export(model));
    examination.isSoundExcept();
    assertThat(examination.worst("gguf").severity()).isEqualTo(Severity.OK);
  }

  @Test
  void aGgufFileCanBeTheModel() {
    Examination examination = Examination.of(export(model));
    examination.isSoundExcept();
    assertThat(examination.worst("checkpoint").severity()).isEqualTo(Severity.OK);
  }

  @Test
  void aGgufThatAddsBos() throws IOException {
    Path gguf =
        export(
            TestModel.write(root.resolve("other"))
                .edit("tokenizer_config.json", json -> json.put("add_bos_token", true)));
    Examination examination = withGguf(gguf);
    examination.finds(
        Severity.ERROR, "token-agreement", "tokenizer.ggml.add_bos_token = true", "says false");
    assertThat(examination.findings())
        .anySatisfy(finding ->
            assertThat(finding.found()).contains("plain words with special tokens: token 0"));
  }

  @Test
  void aGgufOfAnotherTemplateAndTokenizer() throws IOException {
    TestModel other = TestModel.write(root.resolve("other"));
    other
        .withTemplate(TestModel.CHATML.replace("\n", " "))
        .edit(
            "tokenizer.json",
            json -> {
              ObjectNode vocab = (ObjectNode) json.path("model").path("vocab");
              int last = TestModel.tokens() - 1;
              vocab.put("#1", last - 1).put("in", last);
            });
    Examination examination = withGguf(export(other));
    examination.finds(
        Severity.ERROR,
        "token-agreement",
        "code: token 6 is 'in'",
        "one turn: token",
        "model.gguf");
  }

  @Test
  void aGgufOfAnotherModel() throws IOException {
    Path stories =
        Path.of(System.getProperty("fettle.shared", "../shared"), "assets", "stories260K");
    org.junit.jupiter.api.Assumptions.assumeTrue(Files.exists(stories), "skipped: no " + stories);
    Path file = root.resolve("stories.gguf");
    Conversion.run(
        stories,
        file,
        ConversionOptions.of(ExportFormat.GGUF).withOuttype("f32", null),
        ExportListener.none());
    Examination examination = withGguf(file);
    examination.finds(Severity.ERROR, "gguf", "another model", "layers 2 in the folder, 5 there");
  }

  private Path adapter(int outputs, float b, String base) throws IOException {
    Path folder = Files.createDirectories(root.resolve("adapter"));
    Files.writeString(
        folder.resolve(AdapterFolder.CONFIG),
        Json.pretty(
            Json.parse(
                    """
                    {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "lora_dropout": 0.0,
                     "target_modules": ["q_proj"], "layers_to_transform": [0],
                     "task_type": "CAUSAL_LM"}
                    """,
                    "adapter")
                .put("base_model_name_or_path", base)));
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    float[] values = new float[outputs * 2];
    java.util.Arrays.fill(values, b);
    tensors.put("base_model.model." + Q + ".lora_A.weight", HostTensor.of(new float[64], 2, 32));
    tensors.put("base_model.model." + Q + ".lora_B.weight", HostTensor.of(values, outputs, 2));
    SafetensorsWriter.write(
        folder.resolve(AdapterFolder.TENSORS), tensors, SafetensorsWriter.PYTORCH_METADATA);
    return folder;
  }

  private Examination withAdapter(Path adapter) {
    return Examination.of(model.path(), adapter, null, false);
  }

  @Test
  void anAdapterOfThisModelIsSound() throws IOException {
    Examination examination = withAdapter(adapter(32, 0.5f, model.path().toString()));
    examination.isSoundExcept();
    assertThat(examination.worst("adapter").found()).contains("rank 2 on 1 layers");
    assertThat(examination.worst("adapter").severity()).isEqualTo(Severity.OK);
  }

  @Test
  void anAdapterOfAnotherWidthOrAnotherBase() throws IOException {
    withAdapter(adapter(48, 0.5f, "org/else"))
        .finds(Severity.ERROR, "adapter", Q, "[48, 2]", "[32, 2]");
    assertThat(withAdapter(adapter(32, 0.5f, "org/else")).worst("adapter"))
        .satisfies(finding -> {
          assertThat(finding.severity()).isEqualTo(Severity.NOTE);
          assertThat(finding.found()).contains("'org/else'");
        });
  }

  @Test
  void anAdapterThatDiverged() throws IOException {
    withAdapter(adapter(32, Float.NaN, "model")).finds(Severity.ERROR, "adapter", "lora_B");
  }

  @Test
  void anAdapterThatWasNeverTrained() throws IOException {
    withAdapter(adapter(32, 0, "model")).finds(Severity.WARNING, "adapter", "every B is zero");
  }

  @Test
  void aFolderThatIsNoAdapter() {
    withAdapter(model.path()).finds(Severity.ERROR, "adapter", "adapter_config.json");
  }
}
