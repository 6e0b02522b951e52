package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsFileTest {
  @TempDir Path folder;

  @Test
  void readsBackWhatWasWritten() {
    Path file = folder.resolve("a.safetensors");
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("bytes", HostTensor.of(new byte[] {1, 2, 3}, DType.U8, 3));
    tensors.put("floats", HostTensor.of(new float[] {1, -2, 3, 4, 5, 6}, 2, 3));
    tensors.put("scalar", HostTensor.of(new float[] {7}));
    tensors.put("empty", HostTensor.of(new float[0], 0, 4));
    SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));

    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      assertThat(read.metadata()).containsEntry("format", "pt");
      assertThat(read.infos()).hasSize(4);
      tensors.forEach((name, tensor) -> {
        HostTensor back = read.tensor(name);
        assertThat(back.dtype()).isEqualTo(tensor.dtype());
        assertThat(back.shape()).isEqualTo(tensor.shape());
        assertThat(back.data().mismatch(tensor.data())).isEqualTo(-1);
      });
      assertThat(read.infos().lastEntry().getKey()).as("wide dtypes come first").isEqualTo("bytes");
      assertThatThrownBy(() -> read.tensor("absent"))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("absent");
    }
    assertThat(list(folder)).containsExactly("a.safetensors");
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void everyDtypeIsReadBack(DType dtype) {
    Path file = folder.resolve("a.safetensors");
    byte[] bytes = new byte[3 * dtype.bytes()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i + 1);
    }
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("x", HostTensor.of(bytes, dtype, 3));
    SafetensorsWriter.write(file, tensors, SafetensorsWriter.PYTORCH_METADATA);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      HostTensor back = read.tensor("x");
      assertThat(back.dtype()).isEqualTo(dtype);
      assertThat(back.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(bytes);
      assertThat(DType.parse(dtype.torchName())).isEqualTo(dtype);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}} | 12 | overlap
          {'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 8 | hole
          {'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 8 | no tensor claims
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 4 | truncated
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} | 4 | takes 8 bytes
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}} | 8 | data_offsets
          {'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | 8 | from 0 to 2^63-1
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}} | 8 | from 0 to 2^63-1
          {'a':{'dtype':'F32','shape':[4611686018427387904,4],'data_offsets':[0,8]}} | 8 | too large to be true
          {'a':{'dtype':'F32','shape':[4611686018427387904],'data_offsets':[0,0]}} | 0 | too large to be true
          {'a':{'dtype':'F32','shape':[99999999999999999999999],'data_offsets':[0,8]}} | 8 | from 0 to 2^63-1
          {'a':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}} | 8 | whole numbers
          {'a':{'dtype':'F32','shape':[[2]],'data_offsets':[0,8]}} | 8 | whole numbers
          {'a':{'dtype':'F32','shape':[1,1,1,1,1,1,1,1,1],'data_offsets':[0,4]}} | 4 | more than 8
          {'a':{'dtype':'Q4','shape':[2],'data_offsets':[0,8]}} | 8 | Q4
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0]}} | 8 | needs dtype, shape
          {'a':{'shape':[2],'data_offsets':[0,8]}} | 8 | needs dtype, shape
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'x':1}} | 8 | unknown field
          {'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'a':{'dtype':'F32','shape':[2],'data_offsets':[8,16]}} | 16 | twice
          {'a':[]} | 0 | expected a JSON object
          {'__metadata__':{'format':1}} | 0 | expected text
          {'a':{'dtype':'F32' | 0 | Malformed JSON
          {} {} | 0 | goes on
          [] | 0 | does not start with
          """)
  void refusesHeadersThatLie(String header, int dataBytes, String message) throws IOException {
    byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    Path file = writeRaw(json.length, json, dataBytes);
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource({
    "-1,allows at most",
    "9223372036854775807,allows at most",
    "100000001,allows at most",
    "99999999,truncated"
  })
  void refusesLengthsThatLieWithoutAllocating(long length, String message) throws IOException {
    Path file = writeRaw(length, "{}".getBytes(StandardCharsets.UTF_8), 0);
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  @Test
  void refusesMissingAndTinyFiles() throws IOException {
    Path missing = folder.resolve("none.safetensors");
    assertThatThrownBy(() -> SafetensorsFile.open(missing))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("does not exist");
    Path tiny = Files.write(folder.resolve("tiny.safetensors"), new byte[3]);
    assertThatThrownBy(() -> SafetensorsFile.open(tiny))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("3 bytes");
  }

  private Path writeRaw(long length, byte[] json, int dataBytes) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(length).put(json);
    return Files.write(folder.resolve("raw.safetensors"), bytes.array());
  }

  private static Stream<String> list(Path folder) {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).toList().stream();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
