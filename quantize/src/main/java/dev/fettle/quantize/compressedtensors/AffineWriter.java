package dev.fettle.quantize.compressedtensors;

import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.GroupIndex;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Writes an [AffineTensor] as compressed-tensors lays it out.
///
/// @param module path of the layer
/// @param tensor the weight
/// @param activations how its input is quantized, or null
/// @param groupIndex whether the folder says which column is in which group
/// @param input calibrated parameters of static activations
record AffineWriter(
    String module,
    AffineTensor tensor,
    @Nullable ActivationQuantization activations,
    boolean groupIndex,
    @Nullable AffineParameters input) {

  SequencedMap<String, HostTensor> tensors(SequencedMap<String, HostTensor> tensors) {
    Shape shape = tensor.shape();
    Scheme.Affine scheme = tensor.scheme();
    boolean packed = activations == null;
    HostTensor index = tensor.groupIndex();
    if (groupIndex) {
      int columns = Math.toIntExact(shape.dim(1));
      int size = Math.toIntExact(scheme.granularity().columnsPerScale(columns));
      tensors.put(
          module + CompressedTensorsLayout.GROUP_INDEX,
          index == null ? GroupIndex.plain(columns, size) : index);
    } else if (index != null) {
      throw new IllegalArgumentException(module + " has a group index that was not planned");
    }
    if (packed) {
      tensors.put(module + CompressedTensorsLayout.PACKED, words());
    } else {
      tensors.put(module + ".weight", new HostTensor(DType.I8, shape, tensor.codes()));
    }
    Shape scales = CompressedTensorsLayout.storedScales(shape, scheme.granularity());
    tensors.put(
        module + CompressedTensorsLayout.SCALE,
        new HostTensor(tensor.scales().dtype(), scales, tensor.scales().data()));
    if (packed) {
      tensors.put(module + CompressedTensorsLayout.SHAPE, dims(shape));
    }
    HostTensor zeros = tensor.zeroPoints();
    if (zeros != null) {
      tensors.put(
          module + CompressedTensorsLayout.ZERO_POINT,
          packed && CompressedTensorsLayout.isPackedZeroPoint(scheme)
              ? packedZeros(zeros)
              : new HostTensor(DType.I8, scales, zeros.data()));
    }
    if (activations != null && !activations.dynamic()) {
      putInput(activations.scheme(), tensors);
    }
    return tensors;
  }

  private HostTensor words() {
    int bits = tensor.scheme().bits();
    long rows = tensor.shape().dim(0);
    int columns = Math.toIntExact(tensor.shape().dim(1));
    long words = WordPacking.words(columns, bits);
    Shape packed = Shape.of(rows, words);
    if (bits < 8 && WordPacking.isDense(bits)) {
      return new HostTensor(DType.I32, packed, tensor.codes());
    }
    long rowBytes = AffineTensor.rowBytes(tensor.shape(), tensor.scheme());
    MemorySegment data = Arena.ofAuto().allocate(4 * packed.elements(), 4);
    Parallel.forRange(
        rows,
        Math.max(1, (1 << 16) / Math.max(1, columns)),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            WordPacking.toWords(
                tensor.codes().asSlice(row * rowBytes, rowBytes),
                bits,
                columns,
                data.asSlice(row * words * 4, words * 4));
          }
        });
    return new HostTensor(DType.I32, packed, data);
  }

  private static HostTensor dims(Shape shape) {
    MemorySegment data = Arena.ofAuto().allocate(16, 8);
    data.set(HostTensor.I64_LAYOUT, 0, shape.dim(0));
    data.set(HostTensor.I64_LAYOUT, 8, shape.dim(1));
    return new HostTensor(DType.I64, Shape.of(2), data);
  }

  private HostTensor packedZeros(HostTensor zeros) {
    int bits = tensor.scheme().bits();
    int rows = Math.toIntExact(zeros.shape().dim(0));
    int columns = Math.toIntExact(zeros.shape().dim(1));
    Shape shape = Shape.of(WordPacking.words(rows, bits), columns);
    MemorySegment words = Arena.ofAuto().allocate(4 * shape.elements(), 4);
    WordPacking.packRows(zeros.data(), bits, rows, columns, words);
    return new HostTensor(DType.I32, shape, words);
  }

  private void putInput(Scheme.Affine scheme, SequencedMap<String, HostTensor> tensors) {
    if (input == null) {
      throw new IllegalArgumentException("static activations of " + module + " need parameters");
    }
    DType dtype = tensor.scales().dtype();
    MemorySegment scale = Arena.ofAuto().allocate(dtype.bytes(), 4);
    Casts.fromFloat(MemorySegment.ofArray(new float[] {input.scale()}), 1, dtype, scale);
    tensors.put(
        module + CompressedTensorsLayout.INPUT_SCALE, new HostTensor(dtype, Shape.of(1), scale));
    if (AffineTensor.hasZeroPoints(scheme)) {
      int zero = input.zeroPoint() - (scheme.signed() ? 0 : 128);
      tensors.put(
          module + CompressedTensorsLayout.INPUT_ZERO_POINT,
          HostTensor.of(new byte[] {(byte) zero}, DType.I8, 1));
    }
  }
}
