package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class CheckpointFolderTest {
  private static final List<TensorInfo> PLAN =
      List.of(
          new TensorInfo("a", DType.F32, Shape.of(2)),
          new TensorInfo("b", DType.U8, Shape.of(5)),
          new TensorInfo("c", DType.F32, Shape.of(1)));

  @TempDir Path root;

  @Test
  void writesAndReadsOneFile() throws IOException {
    Path tokenizer = Files.writeString(root.resolve("tokenizer.json"), "{}");
    Path model = root.resolve("model");
    write(model, List.of(new CompanionFile.OnDisk(tokenizer)), 1 << 20, false);

    try (CheckpointFolder read = CheckpointFolder.open(model)) {
      assertThat(read.infos().keySet()).containsExactlyInAnyOrder("a", "b", "c");
      assertThat(read.tensor("a").toFloats()).containsExactly(1, 2);
      assertThat(read.configJson().get("x").intValue()).isEqualTo(1);
      assertThat(read.quantizationConfig()).isNull();
      assertThat(read.companions())
          .containsExactly(new CompanionFile.OnDisk(model.resolve("tokenizer.json")));
    }
    assertThat(names(model))
        .containsExactlyInAnyOrder("config.json", "model.safetensors", "tokenizer.json");
    assertThat(names(root)).containsExactlyInAnyOrder("model", "tokenizer.json");
  }

  private static final ObjectNode TIED =
      Json.parse(
          """
          {"model_type": "gemma", "hidden_size": 2, "intermediate_size": 2,
           "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
           "vocab_size": 2}
          """,
          "test");

  /// transformers ties no two tensors that are both stored with different values.
  @Test
  void aTiedHeadThatIsStoredTooAndDiffersIsAnother() {
    for (float last : new float[] {4, 5}) {
      Path model = root.resolve("tied-" + last);
      List<TensorInfo> plan =
          List.of(
              new TensorInfo(Architecture.EMBEDDING, DType.F32, Shape.of(2, 2)),
              new TensorInfo(Architecture.OUTPUT_HEAD, DType.F32, Shape.of(2, 2)));
      try (CheckpointWriter writer =
          CheckpointWriter.create(model, TIED, plan, List.of(), false, 1 << 20)) {
        writer.write(Architecture.EMBEDDING, HostTensor.of(new float[] {1, 2, 3, 4}, 2, 2));
        writer.write(Architecture.OUTPUT_HEAD, HostTensor.of(new float[] {1, 2, 3, last}, 2, 2));
        writer.commit();
      }
      try (CheckpointFolder read = CheckpointFolder.open(model)) {
        assertThat(read.config().tieWordEmbeddings()).isEqualTo(last == 4);
      }
    }
  }

  @Test
  void aTiedEmbeddingMayBeStoredAsTheHead() {
    Path model = root.resolve("head");
    List<TensorInfo> plan =
        List.of(new TensorInfo(Architecture.OUTPUT_HEAD, DType.F32, Shape.of(2, 2)));
    try (CheckpointWriter writer =
        CheckpointWriter.create(model, TIED, plan, List.of(), false, 1 << 20)) {
      writer.write(Architecture.OUTPUT_HEAD, HostTensor.of(new float[] {1, 2, 3, 4}, 2, 2));
      writer.commit();
    }
    try (CheckpointFolder read = CheckpointFolder.open(model)) {
      assertThat(read.infos().keySet()).containsExactly(Architecture.EMBEDDING);
      assertThat(read.tensor(Architecture.EMBEDDING).toFloats()).containsExactly(1, 2, 3, 4);
    }
  }

  @Test
  void cutsShardsInPlanOrder() {
    Path model = root.resolve("model");
    write(model, List.of(), 9, false);
    assertThat(names(model))
        .containsExactlyInAnyOrder(
            "config.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors");
    ObjectNode index = Json.read(model.resolve("model.safetensors.index.json"));
    assertThat(index.get("metadata").get("total_size").intValue()).isEqualTo(17);
    assertThat(index.get("weight_map").get("b").stringValue())
        .isEqualTo("model-00002-of-00002.safetensors");
    try (CheckpointFolder read = CheckpointFolder.open(model)) {
      assertThat(read.tensor("c").toFloats()).containsExactly(3);
    }
  }

  @Test
  void namesTheMissingShard() throws IOException {
    Path model = root.resolve("model");
    write(model, List.of(), 9, false);
    Files.delete(model.resolve("model-00002-of-00002.safetensors"));
    assertThatThrownBy(() -> CheckpointFolder.open(model))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model-00002-of-00002.safetensors")
        .hasMessageContaining("2 tensors");
  }

  @Test
  void refusesAnIndexThatDisagreesWithItsShards() throws IOException {
    Path model = root.resolve("model");
    write(model, List.of(), 9, false);
    Path index = model.resolve("model.safetensors.index.json");
    String text = Files.readString(index);
    Files.writeString(index, text.replace("\"b\" : \"model-00002", "\"b\" : \"model-00001"));
    assertThatThrownBy(() -> CheckpointFolder.open(model))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'b'");
    Files.writeString(index, text.replace("\"b\" : \"model-00002", "\"b\" : \"../model-00002"));
    assertThatThrownBy(() -> CheckpointFolder.open(model))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("not a file name");
  }

  @Test
  void closedWithoutCommitLeavesNothing() {
    Path model = root.resolve("model");
    try (CheckpointWriter writer = CheckpointWriter.create(model, Json.object(), PLAN, List.of())) {
      writer.write("a", HostTensor.of(new float[] {1, 2}, 2));
      assertThatThrownBy(writer::commit).isInstanceOf(IllegalStateException.class);
    }
    assertThat(names(root)).isEmpty();
  }

  @Test
  void refusesAFolderInUse() throws IOException {
    Path model = root.resolve("model");
    write(model, List.of(), 1 << 20, false);
    assertThatThrownBy(() -> write(model, List.of(), 1 << 20, false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("already exists");
    write(model, List.of(), 9, true);
    assertThat(names(model)).contains("model-00001-of-00002.safetensors");
    assertThat(names(root)).containsExactly("model");

    Path foreign = Files.createDirectory(root.resolve("foreign"));
    Files.writeString(foreign.resolve("letter.txt"), "dear");
    assertThatThrownBy(() -> write(foreign, List.of(), 1 << 20, true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("holds no model");
    assertThat(names(foreign)).containsExactly("letter.txt");
  }

  @Test
  void refusesTensorsThatAreNotAsPlanned() {
    try (CheckpointWriter writer =
        CheckpointWriter.create(root.resolve("m"), Json.object(), PLAN, List.of())) {
      assertThatThrownBy(() -> writer.write("a", HostTensor.of(new float[] {1, 2}, 1, 2)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> writer.write("z", HostTensor.of(new float[] {1, 2}, 2)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void saysWhatAFolderLacks() throws IOException {
    assertThatThrownBy(() -> CheckpointFolder.open(root.resolve("none")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("does not exist");
    assertThatThrownBy(() -> CheckpointFolder.open(root))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("config.json");
    Files.writeString(root.resolve("config.json"), "{\n\"a\": 1,\n}");
    assertThatThrownBy(() -> CheckpointFolder.open(root))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("line 3");
    Files.writeString(root.resolve("config.json"), "{}");
    assertThatThrownBy(() -> CheckpointFolder.open(root))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("neither model.safetensors nor");
  }

  private static void write(
      Path model, List<CompanionFile> companions, long shard, boolean overwrite) {
    ObjectNode config = Json.object();
    config.put("x", 1);
    try (CheckpointWriter writer =
        CheckpointWriter.create(model, config, PLAN, companions, overwrite, shard)) {
      writer.write("a", HostTensor.of(new float[] {1, 2}, 2));
      writer.write("b", HostTensor.of(new byte[5], DType.U8, 5));
      writer.write("c", HostTensor.of(new float[] {3}, 1));
      writer.commit();
    }
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
