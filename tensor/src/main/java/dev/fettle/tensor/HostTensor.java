package dev.fettle.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A tensor in host memory: row-major, little-endian, without gaps. The segment may be a mapped
/// file, so more than 2 GiB is ordinary; whoever opened the segment decides how long it lives.
///
/// @param dtype element type
/// @param shape dimensions, outermost first
/// @param data exactly `shape.elements() * dtype.bytes()` bytes, not necessarily aligned
public record HostTensor(DType dtype, Shape shape, MemorySegment data) {
  /// Little-endian layouts without alignment: safetensors does not align its tensors.
  public static final ValueLayout.OfFloat F32_LAYOUT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public static final ValueLayout.OfShort I16_LAYOUT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public static final ValueLayout.OfInt I32_LAYOUT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public static final ValueLayout.OfLong I64_LAYOUT =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public static final ValueLayout.OfDouble F64_LAYOUT =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public HostTensor {
    long expected = Math.multiplyExact(shape.elements(), dtype.bytes());
    if (data.byteSize() != expected) {
      throw new IllegalArgumentException(
          dtype + " " + shape + " takes " + expected + " bytes, got " + data.byteSize());
    }
  }

  public static HostTensor of(float[] values, long... dims) {
    return new HostTensor(DType.F32, Shape.of(dims), MemorySegment.ofArray(values));
  }

  public static HostTensor of(byte[] values, DType dtype, long... dims) {
    return new HostTensor(dtype, Shape.of(dims), MemorySegment.ofArray(values));
  }

  public long elements() {
    return shape.elements();
  }

  public long byteSize() {
    return data.byteSize();
  }

  /// All elements as float32, on the heap; meant for small tensors.
  ///
  /// @throws IllegalStateException for float64, integers and booleans
  public float[] toFloats() {
    float[] floats = new float[Math.toIntExact(elements())];
    Casts.toFloat(this, MemorySegment.ofArray(floats));
    return floats;
  }
}
