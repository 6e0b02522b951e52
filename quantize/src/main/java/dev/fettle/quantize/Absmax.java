package dev.fettle.quantize;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The scales of an NF4 weight: the largest magnitude of each block.
public sealed interface Absmax {
  long blocks();

  long byteSize();

  /// Writes the scales of `count` blocks from `first` on to `out`, as float32.
  void read(long first, int count, float[] out);

  /// @param values one float32 per block
  record Plain(MemorySegment values) implements Absmax {
    @Override
    public long blocks() {
      return values.byteSize() / Float.BYTES;
    }

    @Override
    public long byteSize() {
      return values.byteSize();
    }

    @Override
    public void read(long first, int count, float[] out) {
      MemorySegment.copy(values, HostTensor.F32_LAYOUT, 4 * first, out, 0, count);
    }
  }

  /// Double quantization: the scales less their mean, quantized to 8 bits in blocks of their own.
  ///
  /// `scale[i] = map[codes[i]] * absmax[i / blockSize] + offset`, each operation rounded to
  /// float32.
  ///
  /// @param codes one index into the map per block of weights
  /// @param absmax one float32 per block of codes
  /// @param map 256 values, see [DynamicMap]
  /// @param blockSize codes per nested scale, a power of two; 256 in bitsandbytes
  /// @param offset the mean
  record Nested(
      MemorySegment codes, MemorySegment absmax, MemorySegment map, int blockSize, float offset)
      implements Absmax {
    @Override
    public long blocks() {
      return codes.byteSize();
    }

    @Override
    public long byteSize() {
      return codes.byteSize() + absmax.byteSize();
    }

    @Override
    public void read(long first, int count, float[] out) {
      float[] values = map.toArray(HostTensor.F32_LAYOUT);
      for (int i = 0; i < count; i++) {
        long block = first + i;
        int code = codes.get(ValueLayout.JAVA_BYTE, block) & 0xFF;
        out[i] = values[code] * absmax.get(HostTensor.F32_LAYOUT, block / blockSize * 4) + offset;
      }
    }
  }
}
