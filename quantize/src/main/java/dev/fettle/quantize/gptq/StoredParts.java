package dev.fettle.quantize.gptq;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.quantize.Granularity;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What GPTQ and AWQ folders have in common: scales with one row per group, and demands on the
/// tensors of a layer.
///
/// @param checkpoint the folder
/// @param kind what its layout is called in messages
public record StoredParts(Checkpoint checkpoint, String kind) {

  /// A tensor of this dtype and shape.
  ///
  /// @throws UserException if it is missing or another
  public HostTensor demand(String name, DType dtype, Shape shape) {
    HostTensor tensor = checkpoint.tensor(name);
    if (tensor.dtype() != dtype || !tensor.shape().equals(shape)) {
      throw new UserException(
          "Tensor '%s' in %s is %s %s; its %s configuration and shape in config.json demand %s %s."
              .formatted(
                  name, checkpoint.path(), tensor.dtype(), tensor.shape(), kind, dtype, shape));
    }
    return tensor;
  }

  /// The number of groups, from the stored scales.
  ///
  /// @throws UserException if they are no matrix of floats with one column per output
  public int groups(String name, long outputs) {
    HostTensor scales = checkpoint.tensor(name);
    boolean floats =
        scales.dtype() == DType.F16 || scales.dtype() == DType.BF16 || scales.dtype() == DType.F32;
    if (!floats
        || scales.shape().rank() != 2
        || scales.shape().dim(1) != outputs
        || scales.shape().dim(0) < 1) {
      throw new UserException(
          "Tensor '%s' in %s is %s %s; expected float16 scales [groups, %d]."
              .formatted(name, checkpoint.path(), scales.dtype(), scales.shape(), outputs));
    }
    return Math.toIntExact(scales.shape().dim(0));
  }

  /// How columns are grouped.
  ///
  /// @param groupSize as configured; -1 for whole rows
  /// @param inferred whether single layers may have another one
  /// @throws UserException if so many groups do not go with the group size
  public Granularity granularity(
      String module, long columns, int groups, int groupSize, boolean inferred) {
    if (groups == 1 && (groupSize == -1 || groupSize >= columns || inferred)) {
      return new Granularity.PerChannel(0);
    }
    if (groupSize > 0 && Math.ceilDiv(columns, groupSize) == groups) {
      return new Granularity.PerGroup(groupSize);
    }
    if (inferred && columns % groups == 0) {
      return new Granularity.PerGroup(Math.toIntExact(columns / groups));
    }
    throw new UserException(
        "Layer %s in %s has %d columns and %d rows of scales, which does not go with the group size %d of its configuration."
            .formatted(module, checkpoint.path(), columns, groups, groupSize));
  }

  /// Scales turned into the order of the weight, `[out, groups]`.
  ///
  /// @param name of scales for which [#groups] holds
  /// @throws UserException if one is not finite
  public HostTensor scales(String name) {
    HostTensor stored = checkpoint.tensor(name);
    HostTensor scales = transposed(stored);
    for (float scale : scales.toFloats()) {
      if (!Float.isFinite(scale)) {
        throw new UserException(
            "Tensor '%s' in %s has the scale %s.".formatted(name, checkpoint.path(), scale));
      }
    }
    return scales;
  }

  /// A transposed copy.
  ///
  /// @param matrix of 16-bit or 32-bit numbers
  static HostTensor transposed(HostTensor matrix) {
    long rows = matrix.shape().dim(0);
    long columns = matrix.shape().dim(1);
    Shape shape = Shape.of(columns, rows);
    MemorySegment from = matrix.data();
    MemorySegment to = Arena.ofAuto().allocate(matrix.byteSize(), 64);
    if (matrix.dtype().bytes() == 4) {
      WordMatrix.transpose(from, rows, columns, 0, to);
      return new HostTensor(matrix.dtype(), shape, to);
    }
    ValueLayout.OfShort layout = HostTensor.I16_LAYOUT;
    for (long row = 0; row < rows; row++) {
      for (long column = 0; column < columns; column++) {
        to.set(layout, 2 * (column * rows + row), from.get(layout, 2 * (row * columns + column)));
      }
    }
    return new HostTensor(matrix.dtype(), shape, to);
  }

  /// The dtype that the configuration gives the model; float16, that of the scales, where it gives
  /// none.
  public DType modelDtype() {
    String name =
        checkpoint
            .configJson()
            .path("dtype")
            .asString(checkpoint.configJson().path("torch_dtype").asString("float16"));
    DType dtype = DType.parse(name, checkpoint.path().resolve("config.json").toString());
    return switch (dtype) {
      case F32, F16, BF16 -> dtype;
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          DType.F16;
    };
  }
}
