package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.gguf.GgufConfig;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.checkpoint.gguf.GgufValueType;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A GGUF file seen as a checkpoint of Hugging Face.
class GgufCheckpointTest {
  @TempDir Path folder;

  private static GgufMetadata metadata() {
    GgufMetadata metadata = new GgufMetadata("here");
    metadata.put(GgufConfig.ARCHITECTURE, "llama");
    metadata.put("llama.block_count", GgufValue.u32(1));
    metadata.put("llama.context_length", GgufValue.u32(128));
    metadata.put("llama.embedding_length", GgufValue.u32(32));
    metadata.put("llama.feed_forward_length", GgufValue.u32(64));
    metadata.put("llama.attention.head_count", GgufValue.u32(2));
    metadata.put("llama.attention.layer_norm_rms_epsilon", GgufValue.f32(1e-6));
    return metadata;
  }

  private static GgufTensorInfo matrix(String name, GgufTensorType type, long... dims) {
    return new GgufTensorInfo(name, Shape.of(dims), type);
  }

  private static List<GgufTensorInfo> tensors() {
    List<GgufTensorInfo> tensors = new ArrayList<>();
    tensors.add(matrix("token_embd.weight", GgufTensorType.F16, 10, 32));
    tensors.add(matrix("blk.0.attn_norm.weight", GgufTensorType.F32, 32));
    tensors.add(matrix("blk.0.attn_q.weight", GgufTensorType.Q8_0, 32, 32));
    tensors.add(matrix("blk.0.attn_k.weight", GgufTensorType.F16, 32, 32));
    tensors.add(matrix("blk.0.attn_v.weight", GgufTensorType.Q4_0, 32, 32));
    return tensors;
  }

  /// Each byte of a tensor is the number of its row.
  private Path write(String name, GgufMetadata metadata, List<GgufTensorInfo> tensors) {
    Path file = folder.resolve(name);
    GgufWriter.write(
        file,
        metadata,
        tensors,
        (tensor, sink) -> {
          long rows = tensor.shape().dim(0);
          byte[] row = new byte[(int) (tensor.bytes() / rows)];
          for (int i = 0; i < rows; i++) {
            java.util.Arrays.fill(row, (byte) i);
            sink.put(MemorySegment.ofArray(row.clone()));
          }
        });
    return file;
  }

  private static byte firstOfRow(Checkpoint checkpoint, String name, long row) {
    MemorySegment data = checkpoint.tensor(name).data();
    long rows = Objects.requireNonNull(checkpoint.infos().get(name)).shape().dim(0);
    return data.get(ValueLayout.JAVA_BYTE, row * (data.byteSize() / rows));
  }

  @Test
  void hasTheNamesShapesAndRowOrderOfHuggingFace() {
    try (Checkpoint checkpoint = Checkpoint.open(write("m.gguf", metadata(), tensors()))) {
      GgufCheckpoint gguf = (GgufCheckpoint) checkpoint;
      String attention = "model.layers.0.self_attn.";
      assertThat(checkpoint.infos().keySet())
          .containsExactly(
              "model.embed_tokens.weight",
              "model.layers.0.input_layernorm.weight",
              attention + "q_proj.weight",
              attention + "k_proj.weight",
              attention + "v_proj.weight");
      assertThat(checkpoint.infos().get(attention + "q_proj.weight"))
          .isEqualTo(new TensorInfo(attention + "q_proj.weight", DType.U8, Shape.of(32, 34)));
      assertThat(gguf.blocks(attention + "q_proj.weight"))
          .isEqualTo(matrix("blk.0.attn_q.weight", GgufTensorType.Q8_0, 32, 32));
      assertThat(gguf.blocks(attention + "k_proj.weight")).isNull();
      assertThat(checkpoint.infos().get(attention + "k_proj.weight"))
          .isEqualTo(new TensorInfo(attention + "k_proj.weight", DType.F16, Shape.of(32, 32)));

      for (String name : List.of(attention + "q_proj.weight", attention + "k_proj.weight")) {
        assertThat(firstOfRow(checkpoint, name, 1))
            .as("second of the first half")
            .isEqualTo((byte) 2);
        assertThat(firstOfRow(checkpoint, name, 8))
            .as("first of the second half")
            .isEqualTo((byte) 1);
        assertThat(firstOfRow(checkpoint, name, 17)).as("second head").isEqualTo((byte) 18);
        assertThat(checkpoint.tensor(name).data()).isEqualTo(checkpoint.tensor(name).data());
      }
      assertThat(firstOfRow(checkpoint, attention + "v_proj.weight", 1)).isEqualTo((byte) 1);
      assertThat(checkpoint.config().numKeyValueHeads()).isEqualTo(2);
      assertThat(checkpoint.config().tieWordEmbeddings()).isTrue();
      assertThat(checkpoint.config().rmsNormEps()).isEqualTo(1e-6);
      assertThat(checkpoint.config().torchDtype()).isEqualTo(DType.F16);
      assertThat(ModelConfig.parse(checkpoint.configJson(), "json")).isEqualTo(checkpoint.config());
      assertThatThrownBy(() -> checkpoint.tensor("absent")).isInstanceOf(UserException.class);
    }
  }

  @Test
  void whatIsNoModelIsRefused() throws IOException {
    refuse("type 'adapter'", metadata().put(GgufConfig.TYPE, "adapter"), tensors());
    refuse("no matrix 'token_embd.weight'", metadata(), tensors().subList(1, 3));
    refuse(
        "no counterpart",
        metadata(),
        List.of(tensors().getFirst(), matrix("blk.0.ssm_a", GgufTensorType.F32, 4)));
    refuse("claims 9 layers", metadata().put("llama.block_count", GgufValue.u32(9)), tensors());
    refuse(
        "take 30 rows",
        metadata()
            .put("llama.attention.key_length", GgufValue.u32(10))
            .put("llama.attention.head_count", GgufValue.u32(3)),
        tensors());
    Path text = Files.writeString(folder.resolve("model.txt"), "no model at all");
    assertThatThrownBy(() -> Checkpoint.open(text))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("not a GGUF file");
  }

  private void refuse(String message, GgufMetadata metadata, List<GgufTensorInfo> tensors) {
    Path file = write("wrong.gguf", metadata, tensors);
    assertThatThrownBy(() -> Checkpoint.open(file).close())
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  private static GgufMetadata split(int number, int count) {
    GgufMetadata metadata = number == 0 ? metadata() : new GgufMetadata("part");
    metadata.put("split.no", new GgufValue.Whole(GgufValueType.U16, number));
    metadata.put("split.count", new GgufValue.Whole(GgufValueType.U16, count));
    return metadata.put("split.tensors.count", new GgufValue.Whole(GgufValueType.I32, 5));
  }

  @Test
  void aModelInPartsIsReadFromItsFirst() throws IOException {
    Path first = write("m-00001-of-00002.gguf", split(0, 2), tensors().subList(0, 2));
    assertThatThrownBy(() -> Checkpoint.open(first))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("m-00002-of-00002.gguf")
        .hasMessageContaining("missing");
    Path second = write("m-00002-of-00002.gguf", split(1, 2), tensors().subList(2, 5));
    try (Checkpoint checkpoint = Checkpoint.open(first)) {
      assertThat(checkpoint.infos()).hasSize(5);
      assertThat(firstOfRow(checkpoint, "model.layers.0.self_attn.v_proj.weight", 3))
          .isEqualTo((byte) 3);
    }
    assertThatThrownBy(() -> Checkpoint.open(second))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("not the first of its 2 parts");
    write("m-00002-of-00002.gguf", split(0, 2), tensors().subList(2, 5));
    assertThatThrownBy(() -> Checkpoint.open(first))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("says it is part 1");
    write("m-00002-of-00002.gguf", split(1, 2), tensors().subList(2, 4));
    assertThatThrownBy(() -> Checkpoint.open(first))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("hold 4 tensors, but the first says 5");
    Path renamed = Files.copy(first, folder.resolve("renamed.gguf"));
    assertThatThrownBy(() -> Checkpoint.open(renamed))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("one of 2 parts");
  }
}
