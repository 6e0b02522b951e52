package dev.fettle.engine;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Makes tensors.
public final class Tensors {
  private Tensors() {}

  /// Uninitialised memory.
  public static Tensor empty(DType dtype, long... shape) {
    return Tensor.wrap(torch.empty(shape, Native.options(dtype), NO_FORMAT));
  }

  private static final MemoryFormatOptional NO_FORMAT = new MemoryFormatOptional();

  public static Tensor zeros(DType dtype, long... shape) {
    return Tensor.wrap(torch.zeros(shape, Native.options(dtype)));
  }

  public static Tensor full(DType dtype, double value, long... shape) {
    Tensor tensor = empty(dtype, shape);
    try (Scalar scalar = Native.scalar(value)) {
      tensor.raw().fill_(scalar);
    }
    return tensor;
  }

  /// 0, 1, …, n−1 as `dtype`.
  public static Tensor arange(DType dtype, long n) {
    try (Scalar end = new Scalar(n)) {
      return Tensor.wrap(torch.arange(end, Native.options(dtype)));
    }
  }

  public static Tensor of(float[] values, long... shape) {
    return copyOf(HostTensor.of(values, shape));
  }

  /// I64 from `int` ids, flattened row by row: `[rows, longest]`; all rows must be equally long.
  public static Tensor ofIds(int[][] rows) {
    Tensor tensor = empty(DType.I64, rows.length, rows[0].length);
    MemorySegment segment = tensor.segment();
    long at = 0;
    for (int[] row : rows) {
      for (int id : row) {
        segment.set(HostTensor.I64_LAYOUT, at, id);
        at += Long.BYTES;
      }
    }
    return tensor;
  }

  public static Tensor ofLongs(long[] values) {
    Tensor tensor = empty(DType.I64, values.length);
    MemorySegment.copy(
        MemorySegment.ofArray(values), 0, tensor.segment(), 0, values.length * (long) Long.BYTES);
    return tensor;
  }

  /// A copy of a host tensor in memory of the engine.
  public static Tensor copyOf(HostTensor host) {
    Tensor tensor = empty(host.dtype(), host.shape().toArray());
    tensor.segment().copyFrom(host.data());
    return tensor;
  }

  /// The host tensor's own memory without a copy; the segment must be native or mapped, and must
  /// outlive the tensor. Reading it is fine, writing a read-only mapping crashes.
  public static Tensor viewOf(HostTensor host) {
    if (!host.data().isNative()) {
      throw new IllegalArgumentException("only native memory can be viewed, this is on the heap");
    }
    Shape shape = host.shape();
    return Tensor.wrap(
        torch.from_blob(
            new Address(host.data().address()), shape.toArray(), Native.options(host.dtype())));
  }

  /// Concatenation along `axis`.
  public static Tensor concat(int axis, List<Tensor> parts) {
    try (TensorVector vector = new TensorVector()) {
      for (Tensor part : parts) {
        vector.push_back(part.raw());
      }
      return Tensor.wrap(torch.cat(vector, axis));
    }
  }

  /// Uniform numbers in `[0, 1)`, float32, the same for the same seed.
  public static Tensor uniform(long seed, long... shape) {
    Tensor tensor = empty(DType.F32, shape);
    try (Generator generator = torch.make_generator_cpu(seed);
        GeneratorOptional optional = new GeneratorOptional(generator)) {
      tensor.raw().uniform_(0, 1, optional);
    }
    return tensor;
  }

  /// Normal numbers with mean 0 and standard deviation 1, float32, the same for the same seed.
  public static Tensor normal(long seed, long... shape) {
    Tensor tensor = empty(DType.F32, shape);
    try (Generator generator = torch.make_generator_cpu(seed);
        GeneratorOptional optional = new GeneratorOptional(generator)) {
      tensor.raw().normal_(0, 1, optional);
    }
    return tensor;
  }

  /// A bare address, which is all `from_blob` wants to know.
  private static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
