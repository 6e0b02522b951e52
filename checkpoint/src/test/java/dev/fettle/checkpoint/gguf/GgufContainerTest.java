package dev.fettle.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The container against files that gguf-py wrote, see `tools/golden/make_gguf.py`.
class GgufContainerTest {
  @TempDir Path folder;

  private static Path golden(String name) {
    return Path.of("src/test/resources/golden", name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"container.gguf", "container-aligned-128.gguf"})
  void writesTheBytesThatGgufPyWrites(String name) throws IOException {
    Path copy = folder.resolve(name);
    try (GgufFile file = GgufFile.open(golden(name))) {
      GgufWriter.write(
          copy,
          file.metadata(),
          List.copyOf(file.tensors().values()),
          (tensor, sink) -> {
            MemorySegment data = file.data(tensor.name());
            sink.put(data.asSlice(0, 1));
            sink.put(data.asSlice(1));
          });
    }
    assertThat(copy).hasSameBinaryContentAs(golden(name));
  }

  @Test
  void writesTheSameFromValuesMadeHere() {
    GgufMetadata made = new GgufMetadata("here");
    made.put("general.architecture", "test");
    made.put("general.name", "Fettle – Prüfstück");
    made.put("test.u8", new GgufValue.Whole(GgufValueType.U8, 255));
    made.put("test.i8", new GgufValue.Whole(GgufValueType.I8, -128));
    made.put("test.u16", new GgufValue.Whole(GgufValueType.U16, 65535));
    made.put("test.i16", new GgufValue.Whole(GgufValueType.I16, -32768));
    made.put("test.u32", GgufValue.u32(4294967295L));
    made.put("test.i32", new GgufValue.Whole(GgufValueType.I32, Integer.MIN_VALUE));
    made.put("test.u64", new GgufValue.Whole(GgufValueType.U64, -1));
    made.put("test.i64", new GgufValue.Whole(GgufValueType.I64, Long.MIN_VALUE));
    made.put("test.f32", GgufValue.f32(0.1));
    made.put("test.f64", new GgufValue.Real(GgufValueType.F64, 0.1));
    made.put("test.true", GgufValue.of(true));
    made.put("test.false", GgufValue.of(false));
    made.put("test.strings", GgufValue.texts(List.of("", "a", "\u2581the", "\uD83E\uDD99")));
    made.put("test.ints", GgufValue.ints(1, -2, 3));
    made.put("test.floats", GgufValue.floats(0.5f, -1.5f));
    byte[] bytes = {0, 127, -1};
    try (GgufFile file = GgufFile.open(golden("container.gguf"))) {
      made.put("test.bools", Objects.requireNonNull(file.metadata().get("test.bools")));
      made.put("test.bytes", new GgufValue.Numbers(GgufValueType.U8, MemorySegment.ofArray(bytes)));
      Path copy = folder.resolve("made.gguf");
      GgufWriter.write(
          copy,
          made,
          List.copyOf(file.tensors().values()),
          (tensor, sink) -> sink.put(file.data(tensor.name())));
      assertThat(copy).hasSameBinaryContentAs(golden("container.gguf"));
    }
  }

  @Test
  void readsValuesAndTensors() {
    try (GgufFile file = GgufFile.open(golden("container.gguf"))) {
      GgufMetadata metadata = file.metadata();
      assertThat(file.version()).isEqualTo(3);
      assertThat(metadata.requiredText("general.architecture")).isEqualTo("test");
      assertThat(metadata.requiredText("general.name")).isEqualTo("Fettle – Prüfstück");
      assertThat(metadata.get("test.u64")).hasToString("18446744073709551615");
      assertThat(metadata.requiredNumber("test.f32")).isEqualTo(0.1f);
      assertThat(metadata.requiredNumber("test.f64")).isEqualTo(0.1);
      assertThat(metadata.bool("test.true", false)).isTrue();
      assertThat(metadata.texts("test.strings"))
          .containsExactly("", "a", "\u2581the", "\uD83E\uDD99");
      GgufValue.Numbers ints = Objects.requireNonNull(metadata.numbers("test.ints"));
      assertThat(ints.longAt(1)).isEqualTo(-2);
      assertThat(ints.size()).isEqualTo(3);
      assertThat(Objects.requireNonNull(metadata.numbers("test.floats")).doubleAt(1))
          .isEqualTo(-1.5);
      assertThat(Objects.requireNonNull(metadata.numbers("test.bytes")).longAt(2)).isEqualTo(255);

      assertThat(file.tensors().get("cube.i32"))
          .isEqualTo(new GgufTensorInfo("cube.i32", Shape.of(2, 2, 3), GgufTensorType.I32));
      assertThat(file.tensors().get("blocks.q8_0"))
          .isEqualTo(new GgufTensorInfo("blocks.q8_0", Shape.of(2, 64), GgufTensorType.Q8_0));
      HostTensor matrix = new HostTensor(DType.F32, Shape.of(3, 5), file.data("matrix.f32"));
      assertThat(matrix.toFloats()).startsWith(-1f, -0.26f, 0.48f);
      assertThat(file.data("bytes.i8").asByteBuffer().get(0)).isEqualTo((byte) -3);
    }
  }

  @Test
  void wrongKindsOfValuesAreNamed() {
    try (GgufFile file = GgufFile.open(golden("container.gguf"))) {
      GgufMetadata metadata = file.metadata();
      assertThatThrownBy(() -> metadata.text("test.i8"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("'test.i8'")
          .hasMessageContaining("expected a string, found I8 (-128)");
      assertThatThrownBy(() -> metadata.whole("test.u32"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("4294967295");
      assertThatThrownBy(() -> metadata.requiredPositive("test.absent"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("missing");
      assertThatThrownBy(() -> metadata.requiredPositive("test.i8"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("positive");
      assertThatThrownBy(() -> file.data("absent"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("absent");
    }
  }

  @Test
  void aWriterThatFailsLeavesNothing() throws IOException {
    Path file = folder.resolve("half.gguf");
    GgufTensorInfo tensor = new GgufTensorInfo("a", Shape.of(4), GgufTensorType.F32);
    GgufMetadata none = new GgufMetadata("here");
    assertThatThrownBy(() ->
            GgufWriter.write(
                file,
                none,
                List.of(tensor),
                (info, sink) -> sink.put(MemorySegment.ofArray(new byte[15]))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("takes 16 bytes, got 15");
    assertThatThrownBy(
            () -> GgufWriter.write(file, none, List.of(tensor, tensor), (info, sink) -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("twice");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void recognisesItsFiles() throws IOException {
    assertThat(GgufFile.isGguf(golden("container.gguf"))).isTrue();
    assertThat(GgufFile.isGguf(folder)).isFalse();
    assertThat(GgufFile.isGguf(Files.writeString(folder.resolve("short"), "GGU"))).isFalse();
    assertThat(GgufFile.isGguf(Files.writeString(folder.resolve("ggml"), "ggmlxxxx"))).isFalse();
  }
}
