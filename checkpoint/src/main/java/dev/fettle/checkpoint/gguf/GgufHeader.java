package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Everything before the data of a GGUF file, checked against the length of the file before it is
/// believed. Source: ggml, `docs/gguf.md`.
final class GgufHeader {
  static final int MAGIC = 0x46554747; // "GGUF" in the file's byte order
  static final int VERSION = 3;
  static final String ALIGNMENT_KEY = "general.alignment";
  static final int DEFAULT_ALIGNMENT = 32;
  static final int MAX_NAME_BYTES = 1 << 16;
  static final int MAX_DIMS = 4;
  private static final int MAX_ALIGNMENT = 1 << 20;

  /// More keys or tensors than any model has; what they cost in memory stays small.
  private static final int MAX_ENTRIES = 1 << 17;

  private static final int LEAST_KEY_BYTES = 8 + 4 + 1;
  private static final int LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

  /// @param offset first byte in the file's data section
  record Placed(GgufTensorInfo info, long offset) {}

  /// @param dataStart first byte of the data section
  record Parsed(
      int version,
      GgufMetadata metadata,
      SequencedMap<String, Placed> tensors,
      int alignment,
      long dataStart) {}

  private final GgufCursor cursor;
  private final String source;

  private GgufHeader(MemorySegment file, String source) {
    this.cursor = new GgufCursor(file, source);
    this.source = source;
  }

  /// @param file the whole file
  /// @throws UserException if it is not a GGUF file of version 2 or 3, or wrong in any way
  static Parsed parse(MemorySegment file, String source) {
    return new GgufHeader(file, source).parse(file.byteSize());
  }

  private Parsed parse(long size) {
    int version = version();
    long tensorCount = limited(cursor.count(LEAST_TENSOR_BYTES, "tensors"), "tensors");
    long keyCount = limited(cursor.count(LEAST_KEY_BYTES, "metadata entries"), "metadata entries");
    GgufMetadata metadata = new GgufMetadata(source);
    GgufValueReader values = new GgufValueReader(cursor, source);
    for (long i = 0; i < keyCount; i++) {
      String key = cursor.name(MAX_NAME_BYTES, "a metadata key");
      if (!metadata.putNew(key, values.read(key))) {
        throw new UserException("File " + source + " has the metadata key '" + key + "' twice.");
      }
    }
    SequencedMap<String, Placed> tensors = new LinkedHashMap<>();
    for (long i = 0; i < tensorCount; i++) {
      Placed placed = tensor();
      if (tensors.putIfAbsent(placed.info().name(), placed) != null) {
        throw new UserException(
            "File " + source + " has the tensor '" + placed.info().name() + "' twice.");
      }
    }
    int alignment = alignment(metadata);
    cursor.align(alignment);
    checkPlaces(tensors, alignment, size - cursor.at());
    return new Parsed(version, metadata, tensors, alignment, cursor.at());
  }

  private int version() {
    int magic = cursor.i32("the magic number of a GGUF file");
    if (magic != MAGIC) {
      throw new UserException(
          "File "
              + source
              + " is not a GGUF file: it does not begin with the letters GGUF; convert files of older formats with llama.cpp.");
    }
    int version = cursor.i32("the version of the format");
    if (version != 0 && (version & 0xFFFF) == 0) {
      throw new UserException(
          "File "
              + source
              + " is a big-endian GGUF file; convert it with gguf-py's gguf_convert_endian.");
    }
    if (version < 2 || version > VERSION) {
      throw new UserException(
          "File %s has version %s of GGUF; versions 2 and 3 are supported, so make it again with a current llama.cpp."
              .formatted(source, Integer.toUnsignedString(version)));
    }
    return version;
  }

  private long limited(long count, String what) {
    if (count > MAX_ENTRIES) {
      throw new UserException(
          "File %s has %d %s; at most %d are supported."
              .formatted(source, count, what, MAX_ENTRIES));
    }
    return count;
  }

  private Placed tensor() {
    String name = cursor.name(MAX_NAME_BYTES, "a tensor name");
    int rank = cursor.i32("the rank of tensor '" + name + "'");
    if (rank < 0 || rank > MAX_DIMS) {
      throw new UserException(
          "Tensor '%s' in %s has %s dimensions; GGUF allows at most %d."
              .formatted(name, source, Integer.toUnsignedString(rank), MAX_DIMS));
    }
    long[] dims = new long[rank];
    for (int i = rank - 1; i >= 0; i--) {
      dims[i] = cursor.i64("a dimension of tensor '" + name + "'");
    }
    int id = cursor.i32("the type of tensor '" + name + "'");
    GgufTensorType type = GgufTensorType.of(id, name, source);
    long offset = cursor.i64("the offset of tensor '" + name + "'");
    @Nullable Shape shape = shape(dims, type);
    if (shape == null) {
      throw new UserException(
          "Tensor '%s' in %s has the impossible shape %s of %s."
              .formatted(name, source, java.util.Arrays.toString(dims), type));
    }
    if (!type.fits(shape)) {
      throw new UserException(
          "Tensor '%s' in %s has shape %s, whose rows are not whole blocks of %s (%d elements)."
              .formatted(name, source, shape, type, type.blockSize()));
    }
    return new Placed(new GgufTensorInfo(name, shape, type), offset);
  }

  /// Null if a dimension is negative or the tensor has more than 2^63 bytes.
  private static @Nullable Shape shape(long[] dims, GgufTensorType type) {
    long count = 1;
    for (long dim : dims) {
      if (dim < 0 || Math.multiplyHigh(count, dim) != 0 || count * dim < 0) {
        return null;
      }
      count *= dim;
    }
    long blocks = count / type.blockSize();
    return blocks > Long.MAX_VALUE / type.blockBytes() ? null : Shape.of(dims);
  }

  private int alignment(GgufMetadata metadata) {
    @Nullable Integer alignment = metadata.whole(ALIGNMENT_KEY);
    if (alignment == null) {
      return DEFAULT_ALIGNMENT;
    }
    if (Integer.bitCount(alignment) != 1 || alignment < 1 || alignment > MAX_ALIGNMENT) {
      throw new UserException(
          "Key '%s' in %s is %d; expected a power of two up to %d."
              .formatted(ALIGNMENT_KEY, source, alignment, MAX_ALIGNMENT));
    }
    return alignment;
  }

  private void checkPlaces(SequencedMap<String, Placed> tensors, int alignment, long dataBytes) {
    List<Placed> placed = new ArrayList<>(tensors.values());
    placed.sort(Comparator.comparingLong(Placed::offset).thenComparingLong(p -> p.info().bytes()));
    long end = 0;
    String before = "";
    for (Placed next : placed) {
      GgufTensorInfo info = next.info();
      long bytes = info.bytes();
      if (next.offset() < 0 || bytes > dataBytes || next.offset() > dataBytes - bytes) {
        throw new UserException(
            "Tensor '%s' in %s takes %d bytes at offset %s, but the file holds only %d bytes of data; it is truncated or damaged."
                .formatted(
                    info.name(), source, bytes, Long.toUnsignedString(next.offset()), dataBytes));
      }
      if (next.offset() % alignment != 0) {
        throw new UserException(
            "Tensor '%s' in %s is at offset %d, which is no multiple of the alignment %d."
                .formatted(info.name(), source, next.offset(), alignment));
      }
      if (next.offset() < end) {
        throw new UserException(
            "Tensors '%s' and '%s' in %s overlap.".formatted(before, info.name(), source));
      }
      end = next.offset() + bytes;
      before = info.name();
    }
  }
}
