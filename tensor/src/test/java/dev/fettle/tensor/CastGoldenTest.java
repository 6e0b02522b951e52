package dev.fettle.tensor;

import static org.assertj.core.api.Assertions.assertThat;

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

/// All codes, and a million and a half floats, through the vector kernels (where there are any)
/// against PyTorch. NaN is left out of the floats and made canonical among the decoded codes.
class CastGoldenTest {
  private final Arena arena = Arena.ofAuto();

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "F8_E4M3", "F8_E5M2"})
  void bytesAreThoseOfPyTorch(DType dtype) throws Exception {
    Properties golden = golden();
    int codes = 1 << (8 * dtype.bytes());
    MemorySegment all = arena.allocate((long) codes * dtype.bytes());
    for (int code = 0; code < codes; code++) {
      if (dtype.bytes() == 2) {
        all.set(HostTensor.I16_LAYOUT, 2L * code, (short) code);
      } else {
        all.set(ValueLayout.JAVA_BYTE, code, (byte) code);
      }
    }
    MemorySegment decoded = arena.allocate(4L * codes);
    Casts.toFloat(new HostTensor(dtype, Shape.of(codes), all), decoded);
    for (int code = 0; code < codes; code++) {
      if (Float.isNaN(decoded.get(HostTensor.F32_LAYOUT, 4L * code))) {
        decoded.set(HostTensor.I32_LAYOUT, 4L * code, 0x7FC00000);
      }
    }
    assertThat(sha256(decoded)).isEqualTo(golden.getProperty(dtype.torchName() + ".decoded"));

    int[] samples = CastSamples.bits();
    MemorySegment floats = arena.allocate(4L * samples.length);
    for (int i = 0; i < samples.length; i++) {
      boolean nan = Float.isNaN(Float.intBitsToFloat(samples[i]));
      floats.set(HostTensor.I32_LAYOUT, 4L * i, nan ? 0 : samples[i]);
    }
    MemorySegment encoded = arena.allocate((long) samples.length * dtype.bytes());
    Casts.fromFloat(floats, samples.length, dtype, encoded);
    assertThat(sha256(encoded)).isEqualTo(golden.getProperty(dtype.torchName() + ".encoded"));
  }

  private static Properties golden() throws IOException {
    Properties golden = new Properties();
    try (InputStream in = CastGoldenTest.class.getResourceAsStream("/golden/casts.properties")) {
      golden.load(in);
    }
    return golden;
  }

  private static String sha256(MemorySegment bytes) throws NoSuchAlgorithmException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    return HexFormat.of().formatHex(digest.digest(bytes.toArray(ValueLayout.JAVA_BYTE)));
  }
}
