package dev.fettle.calibrate.block;

import dev.fettle.calibrate.block.BlockResult.Fold;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The result of a block in a safetensors file of the work folder: what the algorithm chose, as it
/// is in memory and in no tool's layout.
final class StoredBlock implements AutoCloseable {
  private static final String CODES = ".codes";
  private static final String SCALES = ".scales";
  private static final String ZEROS = ".zero_points";
  private static final String GROUPS = ".group_index";
  private static final String SHAPE = ".shape";
  private static final String ROWS = ".fold_rows";
  private static final String COLUMNS = ".fold_columns";
  private static final String INPUT_SCALE = ".input_scale";
  private static final String INPUT_ZERO = ".input_zero_point";

  private final SafetensorsFile file;
  private final Map<String, Scheme.Affine> schemes;

  private StoredBlock(SafetensorsFile file, Map<String, Scheme.Affine> schemes) {
    this.file = file;
    this.schemes = schemes;
  }

  static void write(Path path, BlockResult result) {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    result
        .weights()
        .forEach((module, weight) -> {
          long rowBytes = AffineTensor.rowBytes(weight.shape(), weight.scheme());
          Shape packed = Shape.of(weight.shape().dim(0), rowBytes);
          tensors.put(module + CODES, new HostTensor(DType.U8, packed, weight.codes()));
          tensors.put(module + SCALES, weight.scales());
          HostTensor zeros = weight.zeroPoints();
          if (zeros != null) {
            tensors.put(module + ZEROS, zeros);
          }
          HostTensor groups = weight.groupIndex();
          if (groups != null) {
            tensors.put(module + GROUPS, groups);
          }
          float[] columns = {weight.shape().dim(1)};
          tensors.put(module + SHAPE, HostTensor.of(columns, 1));
        });
    result.changed().forEach(tensors::put);
    result
        .folds()
        .forEach((module, fold) -> {
          tensors.put(module + ROWS, HostTensor.of(fold.rows(), fold.rows().length));
          tensors.put(module + COLUMNS, HostTensor.of(fold.columns(), fold.columns().length));
        });
    result
        .inputs()
        .forEach((module, input) -> {
          tensors.put(module + INPUT_SCALE, HostTensor.of(new float[] {input.scale()}, 1));
          tensors.put(module + INPUT_ZERO, HostTensor.of(new float[] {input.zeroPoint()}, 1));
        });
    SafetensorsWriter.write(path, tensors, Map.of());
  }

  static StoredBlock open(Path path, Map<String, Scheme.Affine> schemes) {
    return new StoredBlock(SafetensorsFile.open(path), schemes);
  }

  /// A quantized weight as views of the file, or null if the block has none for this module.
  @Nullable AffineTensor weight(String module, DType originalDtype) {
    TensorInfo codes = file.infos().get(module + CODES);
    Scheme.Affine scheme = schemes.get(module);
    if (codes == null || scheme == null) {
      return null;
    }
    long columns = (long) file.tensor(module + SHAPE).toFloats()[0];
    return new AffineTensor(
        Shape.of(codes.shape().dim(0), columns),
        originalDtype,
        scheme,
        file.tensor(module + CODES).data(),
        file.tensor(module + SCALES),
        optional(module + ZEROS),
        optional(module + GROUPS));
  }

  private @Nullable HostTensor optional(String name) {
    return file.infos().containsKey(name) ? file.tensor(name) : null;
  }

  /// A tensor that was stored under its own name, such as a changed norm, or null.
  @Nullable HostTensor plain(String name) {
    return optional(name);
  }

  /// What a module's weight was multiplied by, or null.
  @Nullable Fold fold(String module) {
    return file.infos().containsKey(module + ROWS)
        ? new Fold(file.tensor(module + ROWS).toFloats(), file.tensor(module + COLUMNS).toFloats())
        : null;
  }

  /// Static parameters of the modules' inputs.
  Map<String, AffineParameters> inputs() {
    Map<String, AffineParameters> inputs = new HashMap<>();
    for (String name : file.infos().keySet()) {
      if (name.endsWith(INPUT_SCALE)) {
        String module = name.substring(0, name.length() - INPUT_SCALE.length());
        float scale = file.tensor(name).toFloats()[0];
        int zero = (int) file.tensor(module + INPUT_ZERO).toFloats()[0];
        inputs.put(module, new AffineParameters(scale, zero));
      }
    }
    return inputs;
  }

  @Override
  public void close() {
    file.close();
  }
}
