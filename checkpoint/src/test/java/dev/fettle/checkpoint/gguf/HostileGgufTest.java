package dev.fettle.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.sun.management.ThreadMXBean;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Files that are wrong, by accident or on purpose: each gets one sentence, and none makes the
/// reader allocate more than the file has bytes.
class HostileGgufTest {
  private static final Path GOOD = Path.of("src/test/resources/golden/container.gguf");

  /// What opening any file may cost beyond its size: classes, messages, the file's own objects.
  private static final long CONSTANT_BYTES = 4 << 20;

  @TempDir Path folder;

  /// A file put together by hand.
  private static final class Bytes {
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);

    Bytes header(int version, long tensors, long keys) {
      buffer.put("GGUF".getBytes(StandardCharsets.US_ASCII));
      buffer.putInt(version).putLong(tensors).putLong(keys);
      return this;
    }

    Bytes i32(int value) {
      buffer.putInt(value);
      return this;
    }

    Bytes i64(long value) {
      buffer.putLong(value);
      return this;
    }

    Bytes zeros(int count) {
      buffer.put(new byte[count]);
      return this;
    }

    Bytes u8(int value) {
      buffer.put((byte) value);
      return this;
    }

    Bytes string(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      buffer.putLong(bytes.length).put(bytes);
      return this;
    }

    Bytes tensor(String name, int type, long offset, long... dims) {
      string(name).i32(dims.length);
      Arrays.stream(dims).forEach(this::i64);
      return i32(type).i64(offset);
    }

    /// Zeros up to the next multiple of 32, then `count` more.
    Bytes data(int count) {
      return zeros((32 - buffer.position() % 32) % 32 + count);
    }

    byte[] get() {
      return Arrays.copyOf(buffer.array(), buffer.position());
    }
  }

  private static Arguments file(String message, UnaryOperator<Bytes> content) {
    return Arguments.of(message, content.apply(new Bytes()).get());
  }

  static Stream<Arguments> wrongFiles() {
    long huge = Long.MAX_VALUE;
    return Stream.of(
        file("magic number", b -> b.u8('G')),
        file("not a GGUF file", b -> b.i32(0x67676a74).zeros(64)),
        file("version 1 of GGUF", b -> b.header(1, 0, 0)),
        file("version 4 of GGUF", b -> b.header(4, 0, 0)),
        file("big-endian", b -> b.header(3 << 24, 0, 0)),
        file("claims 9223372036854775807 tensors", b -> b.header(3, huge, 0)),
        file("claims 18446744073709551615 metadata entries", b -> b.header(3, 0, -1)),
        file("claims 1000 metadata entries", b -> b.header(3, 0, 1000)),
        file("a metadata key of 9223372036854775807", b -> b.header(3, 0, 1).i64(huge).zeros(9)),
        file("takes 4000 bytes", b -> b.header(3, 0, 1).i64(4000).zeros(99)),
        file("not UTF-8", b -> b.header(3, 0, 1).i64(1).u8(0xFF).i32(0).u8(0).zeros(9)),
        file("unknown type 13", b -> b.header(3, 0, 1).string("k").i32(13).zeros(9)),
        file("true (1) or false (0)", b -> b.header(3, 0, 1).string("k").i32(7).u8(2).zeros(9)),
        file(
            "takes 18446744073709551615 bytes",
            b -> b.header(3, 0, 1).string("k").i32(8).i64(-1).zeros(9)),
        file(
            "claims 9223372036854775807 elements",
            b -> b.header(3, 0, 1).string("k").i32(9).i32(5).i64(huge).zeros(9)),
        file(
            "claims 2000000000 strings",
            b -> b.header(3, 0, 1).string("k").i32(9).i32(8).i64(2_000_000_000).zeros(9)),
        file(
            "takes 99 bytes",
            b -> b.header(3, 0, 1).string("k").i32(9).i32(8).i64(2).string("").i64(99).zeros(9)),
        file(
            "array of arrays",
            b -> b.header(3, 0, 1).string("k").i32(9).i32(9).i64(1).i32(9).i64(1).zeros(99)),
        file(
            "metadata key 'k' twice",
            b -> b.header(3, 0, 2).string("k").i32(4).i32(1).string("k").i32(4).i32(1)),
        file("power of two", b -> b.header(3, 0, 1).string("general.alignment").i32(4).i32(48)),
        file("power of two", b -> b.header(3, 0, 1).string("general.alignment").i32(4).i32(0)),
        file(
            "power of two", b -> b.header(3, 0, 1).string("general.alignment").i32(4).i32(1 << 30)),
        file(
            "expected a whole number",
            b -> b.header(3, 0, 1).string("general.alignment").i32(8).string("32")),
        file("5 dimensions", b -> b.header(3, 1, 0).tensor("a", 0, 0, 1, 1, 1, 1, 1).data(4)),
        file("impossible shape", b -> b.header(3, 1, 0).tensor("a", 0, 0, -1).data(4)),
        file(
            "impossible shape",
            b -> b.header(3, 1, 0).tensor("a", 0, 0, 1L << 40, 1L << 40).data(4)),
        file("impossible shape", b -> b.header(3, 1, 0).tensor("a", 0, 0, huge).data(4)),
        file(
            "takes 4000000000 bytes",
            b -> b.header(3, 1, 0).tensor("a", 0, 0, 1_000_000_000).data(4)),
        file(
            "ggml type 4, a type that ggml has removed",
            b -> b.header(3, 1, 0).tensor("a", 4, 0, 32).data(64)),
        file("ggml type 99, a type newer", b -> b.header(3, 1, 0).tensor("a", 99, 0, 32).data(64)),
        file("ggml type 4294967295", b -> b.header(3, 1, 0).tensor("a", -1, 0, 32).data(64)),
        file("not whole blocks of Q8_0", b -> b.header(3, 1, 0).tensor("a", 8, 0, 33).data(64)),
        file("not whole blocks of Q8_0", b -> b.header(3, 1, 0).tensor("a", 8, 0).data(64)),
        file("offset 18446744073709551584", b -> b.header(3, 1, 0).tensor("a", 0, -32, 1).data(4)),
        file("offset 32", b -> b.header(3, 1, 0).tensor("a", 0, 32, 1).data(32)),
        file("multiple of the alignment", b -> b.header(3, 1, 0).tensor("a", 0, 4, 1).data(32)),
        file(
            "'a' and 'b' in",
            b -> b.header(3, 2, 0).tensor("a", 0, 0, 16).tensor("b", 0, 32, 1).data(64)),
        file(
            "tensor 'a' twice",
            b -> b.header(3, 2, 0).tensor("a", 0, 0, 1).tensor("a", 0, 32, 1).data(64)));
  }

  @ParameterizedTest
  @MethodSource("wrongFiles")
  void isRefusedWithOneSentenceAndWithoutTheMemory(String message, byte[] content)
      throws IOException {
    Path file = Files.write(folder.resolve("hostile.gguf"), content);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    Throwable failure = catchThrowable(() -> GgufFile.open(file).close());
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(failure).isInstanceOf(UserException.class).hasMessageContaining(message);
    assertThat(failure.getMessage()).contains("hostile.gguf").endsWith(".").doesNotContain("\n");
    assertThat(allocated).isLessThan(content.length + CONSTANT_BYTES);
  }

  @Test
  void everyTruncationIsNoticed() throws IOException {
    byte[] good = Files.readAllBytes(GOOD);
    Path file = folder.resolve("truncated.gguf");
    int padding = 32 - 2 * 3 * 2 % 32; // after the last tensor, which holds 2 × 3 bfloat16
    for (int length = 0; length < good.length - padding; length += length < 64 ? 1 : 7) {
      Files.write(file, Arrays.copyOf(good, length));
      assertThatThrownBy(() -> GgufFile.open(file).close())
          .as("%d of %d bytes", length, good.length)
          .isInstanceOf(UserException.class);
    }
  }

  @Test
  void anyChangedByteIsReadOrRefused() throws IOException {
    byte[] good = Files.readAllBytes(GOOD);
    Path file = folder.resolve("changed.gguf");
    Random random = new Random(4);
    int refused = 0;
    for (int round = 0; round < 2000; round++) {
      byte[] changed = good.clone();
      for (int i = 0; i <= round % 3; i++) {
        changed[random.nextInt(1200)] = (byte) random.nextInt();
      }
      Files.write(file, changed);
      try (GgufFile read = GgufFile.open(file)) {
        read.metadata().entries().values().forEach(value -> assertThat(value).isNotNull());
        read.tensors().keySet().forEach(name -> assertThat(read.data(name)).isNotNull());
      } catch (UserException e) {
        assertThat(e.getMessage()).endsWith(".");
        refused++;
      }
    }
    assertThat(refused).isBetween(1, 1999);
  }

  @Test
  void missingFilesAreNamed() {
    assertThatThrownBy(() -> GgufFile.open(folder.resolve("none.gguf")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("none.gguf does not exist");
    assertThatThrownBy(() -> GgufFile.open(folder)).isInstanceOf(UserException.class);
  }
}
