package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.AtomicFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Writes a GGUF file of version 3 as a stream: the header, then one tensor after the other. The
/// file appears under its name when it is complete and flushed. The bytes are those that gguf-py
/// writes for the same content.
public final class GgufWriter {
  private static final int CHUNK = 1 << 26;

  /// Makes the data of one tensor after the other, in the order of the plan.
  @FunctionalInterface
  public interface TensorData {
    /// Puts all bytes of the tensor, in one or several pieces.
    void write(GgufTensorInfo tensor, Sink sink) throws IOException;
  }

  /// Takes the bytes of one tensor.
  public interface Sink {
    void put(MemorySegment bytes) throws IOException;
  }

  private final FileChannel channel;
  private long written;

  private GgufWriter(FileChannel channel) {
    this.channel = channel;
  }

  /// Writes the file, replacing one that is there.
  ///
  /// @param metadata without the counts; `general.alignment` is obeyed
  /// @param tensors every tensor, in the order of the data
  /// @throws dev.fettle.tensor.UserException if the disk is full or the place is not writable
  /// @throws IllegalArgumentException if a tensor is planned twice or gets another number of bytes
  public static void write(
      Path path, GgufMetadata metadata, List<GgufTensorInfo> tensors, TensorData data) {
    @Nullable Integer demanded = metadata.whole(GgufHeader.ALIGNMENT_KEY);
    int alignment = demanded == null ? GgufHeader.DEFAULT_ALIGNMENT : demanded;
    byte[] header = header(metadata, tensors, alignment);
    AtomicFiles.write(
        path,
        temporary -> {
          try (FileChannel channel =
              FileChannel.open(
                  temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            new GgufWriter(channel).write(header, tensors, data, alignment);
          }
        });
  }

  private void write(byte[] header, List<GgufTensorInfo> tensors, TensorData data, int alignment)
      throws IOException {
    put(MemorySegment.ofArray(header));
    pad(alignment);
    for (GgufTensorInfo tensor : tensors) {
      long start = written;
      data.write(tensor, this::put);
      if (written - start != tensor.bytes()) {
        throw new IllegalArgumentException(
            "tensor '%s' takes %d bytes, got %d"
                .formatted(tensor.name(), tensor.bytes(), written - start));
      }
      pad(alignment);
    }
  }

  private void put(MemorySegment bytes) throws IOException {
    for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
      MemorySegment chunk = bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at));
      ByteBuffer part =
          chunk.isNative()
              ? chunk.asByteBuffer()
              : ByteBuffer.wrap(chunk.toArray(ValueLayout.JAVA_BYTE));
      while (part.hasRemaining()) {
        written += channel.write(part);
      }
    }
  }

  private void pad(int alignment) throws IOException {
    put(MemorySegment.ofArray(new byte[(int) (padded(written, alignment) - written)]));
  }

  private static long padded(long bytes, int alignment) {
    return Math.ceilDiv(bytes, alignment) * alignment;
  }

  private static byte[] header(GgufMetadata metadata, List<GgufTensorInfo> tensors, int alignment) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    i32(out, GgufHeader.MAGIC);
    i32(out, GgufHeader.VERSION);
    i64(out, tensors.size());
    i64(out, metadata.entries().size());
    metadata
        .entries()
        .forEach((key, value) -> {
          string(out, key);
          i32(out, value.type().id());
          value(out, value);
        });
    Set<String> names = new HashSet<>();
    long offset = 0;
    for (GgufTensorInfo tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException("tensor '" + tensor.name() + "' is planned twice");
      }
      string(out, tensor.name());
      int rank = tensor.shape().rank();
      i32(out, rank);
      for (int axis = rank - 1; axis >= 0; axis--) {
        i64(out, tensor.shape().dim(axis));
      }
      i32(out, tensor.type().id());
      i64(out, offset);
      offset += padded(tensor.bytes(), alignment);
    }
    return out.toByteArray();
  }

  private static void value(ByteArrayOutputStream out, GgufValue value) {
    switch (value) {
      case GgufValue.Whole whole -> little(out, whole.value(), whole.type().bytes());
      case GgufValue.Real real when real.type() == GgufValueType.F32 ->
          i32(out, Float.floatToRawIntBits((float) real.value()));
      case GgufValue.Real real -> i64(out, Double.doubleToRawLongBits(real.value()));
      case GgufValue.Bool bool -> out.write(bool.value() ? 1 : 0);
      case GgufValue.Text text -> string(out, text.value());
      case GgufValue.Texts texts -> {
        i32(out, GgufValueType.STRING.id());
        i64(out, texts.values().size());
        texts.values().forEach(text -> string(out, text));
      }
      case GgufValue.Numbers numbers -> {
        i32(out, numbers.elementType().id());
        i64(out, numbers.size());
        out.writeBytes(numbers.data().toArray(ValueLayout.JAVA_BYTE));
      }
    }
  }

  private static void string(ByteArrayOutputStream out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    i64(out, bytes.length);
    out.writeBytes(bytes);
  }

  private static void i32(ByteArrayOutputStream out, int value) {
    little(out, value, 4);
  }

  private static void i64(ByteArrayOutputStream out, long value) {
    little(out, value, 8);
  }

  private static void little(ByteArrayOutputStream out, long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >>> (8 * i)));
    }
  }
}
