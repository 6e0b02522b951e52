package dev.fettle.quantize.ggml;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.quantize.GgmlType;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Properties;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Bytes and weights against those of ggml and gguf-py.
class GgmlGoldenTest {
  private final Arena arena = Arena.ofAuto();

  @ParameterizedTest
  @EnumSource
  void bytesAreThoseOfGgml(GgmlType type) throws Exception {
    Properties golden = golden();
    float[] values = GgmlSamples.values();
    MemorySegment weights = arena.allocate(4L * values.length, 64);
    MemorySegment.copy(values, 0, weights, ValueLayout.JAVA_FLOAT, 0, values.length);
    MemorySegment blocks = arena.allocate(type.bytes(values.length), 64);
    GgmlKernels.get().quantize(type, weights, values.length, blocks);
    assertThat(sha256(blocks)).as("blocks").isEqualTo(golden.getProperty(type + ".blocks"));
    GgmlKernels.get().dequantize(type, blocks, values.length, weights);
    assertThat(sha256(weights)).as("weights").isEqualTo(golden.getProperty(type + ".weights"));
  }

  @ParameterizedTest
  @EnumSource
  void weightedBytesAreThoseOfGgml(GgmlType type) throws Exception {
    float[] values = GgmlSamples.values();
    float[] importance = GgmlSamples.importance();
    int row = importance.length;
    MemorySegment weights = arena.allocate(4L * row, 64);
    MemorySegment blocks = arena.allocate(type.bytes(values.length), 64);
    for (int at = 0; at < values.length; at += row) {
      MemorySegment.copy(values, at, weights, ValueLayout.JAVA_FLOAT, 0, row);
      MemorySegment part = blocks.asSlice(type.bytes(at), type.bytes(row));
      GgmlKernels.get().quantizeRow(type, weights, importance, part);
    }
    assertThat(sha256(blocks)).isEqualTo(golden().getProperty(type + ".weighted"));
  }

  private static Properties golden() throws IOException {
    Properties golden = new Properties();
    try (InputStream in = GgmlGoldenTest.class.getResourceAsStream("/golden/ggml.properties")) {
      golden.load(in);
    }
    return golden;
  }

  private static String sha256(MemorySegment bytes) throws NoSuchAlgorithmException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    return HexFormat.of().formatHex(digest.digest(bytes.toArray(ValueLayout.JAVA_BYTE)));
  }
}
