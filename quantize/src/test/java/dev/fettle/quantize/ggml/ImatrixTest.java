package dev.fettle.quantize.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImatrixTest {
  private static final String NAME = "blk.0.attn_q.weight";

  @TempDir Path folder = Path.of("");

  @Test
  void importanceIsTheMeanSquare() {
    Imatrix imatrix = of(new float[] {4, 6, 0}, 4);
    Path file = folder.resolve("imatrix.gguf");
    imatrix.save(file);
    Imatrix read = Imatrix.load(file);
    assertThat(read.importance(NAME, 3)).containsExactly(1, 1.5f, 0);
    assertThat(read.importance("output.weight", 3)).isNull();
    assertThat(read.source()).isEqualTo(file.toString());
    assertThatThrownBy(() -> read.importance(NAME, 5))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(NAME)
        .hasMessageContaining("3 numbers")
        .hasMessageContaining("5 weights");
  }

  @Test
  void whereNothingWasCountedAllChannelsAreTheSame() {
    assertThat(of(new float[] {0, 0}, 0).importance(NAME, 2)).containsExactly(1, 1);
  }

  @Test
  void readsTheFormBeforeGguf() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    Files.write(file, legacy());
    Imatrix read = Imatrix.load(file);
    assertThat(read.entries()).containsOnlyKeys(NAME, "blk.1.ffn_down.weight");
    assertThat(read.importance(NAME, 2)).containsExactly(3, 0.5f);
    assertThat(read.importance("blk.1.ffn_down.weight", 3)).containsExactly(1, 2, 3);
    assertThat(read.chunkCount()).isEqualTo(7);
    assertThat(read.datasets()).containsExactly("wiki.txt");
  }

  /// Every truncation gets a sentence, and so does every change of one byte that makes a length
  /// absurd.
  @Test
  void truncatedAndChangedFilesAreRefusedOrRead() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    byte[] whole = legacy();
    int refused = 0;
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      refused += refuses(file);
    }
    assertThat(refused).isEqualTo(whole.length - 2); // two end where the optional parts do
    for (int i = 0; i < whole.length; i++) {
      byte[] changed = whole.clone();
      changed[i] = (byte) 0xFF;
      Files.write(file, changed);
      refuses(file);
    }
  }

  private static int refuses(Path file) {
    try {
      Imatrix.load(file);
      return 0;
    } catch (UserException e) {
      assertThat(e).hasMessageContaining(file.toString());
      return 1;
    }
  }

  @Test
  void refusesOtherFiles() {
    Path model = folder.resolve("model.gguf");
    GgufWriter.write(
        model,
        new GgufMetadata("model").put("general.type", "model"),
        List.of(),
        (tensor, sink) -> {});
    assertThatThrownBy(() -> Imatrix.load(model))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'model'");
    Path half = folder.resolve("half.gguf");
    GgufWriter.write(
        half,
        new GgufMetadata("half").put("general.type", "imatrix"),
        List.of(new GgufTensorInfo(NAME + ".in_sum2", Shape.of(2), GgufTensorType.F32)),
        (tensor, sink) -> sink.put(MemorySegment.ofArray(new byte[8])));
    assertThatThrownBy(() -> Imatrix.load(half))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(NAME + ".counts");
    assertThatThrownBy(() -> Imatrix.load(folder.resolve("missing")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("does not exist");
    assertThatThrownBy(() -> of(new float[] {1, Float.NaN}, 1))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("NaN");
  }

  private static Imatrix of(float[] sums, float count) {
    var entry = new Imatrix.Entry(sums, new float[] {count});
    return new Imatrix("a test", List.of("text"), 2, 32, new TreeMap<>(Map.of(NAME, entry)));
  }

  private static byte[] legacy() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    i32(out, 2);
    entry(out, NAME, 2, 6, 1);
    entry(out, "blk.1.ffn_down.weight", 0, 1, 2, 3);
    i32(out, 7);
    text(out, "wiki.txt");
    return out.toByteArray();
  }

  private static void entry(ByteArrayOutputStream out, String name, int calls, float... values) {
    text(out, name);
    i32(out, calls);
    i32(out, values.length);
    for (float value : values) {
      i32(out, Float.floatToRawIntBits(value));
    }
  }

  private static void text(ByteArrayOutputStream out, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    i32(out, utf8.length);
    out.writeBytes(utf8);
  }

  private static void i32(ByteArrayOutputStream out, int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }
}
