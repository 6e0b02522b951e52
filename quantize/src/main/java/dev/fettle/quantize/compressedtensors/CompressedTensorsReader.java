package dev.fettle.quantize.compressedtensors;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Float8Tensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.GroupIndex;
import dev.fettle.quantize.Mxfp4Tensor;
import dev.fettle.quantize.Nvfp4Tensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Reads the quantized layers of a folder that compressed-tensors wrote.
public final class CompressedTensorsReader implements QuantizedWeights {
  private final Checkpoint folder;
  private final CompressedTensorsConfig config;

  /// @throws UserException if the folder's quantization is of a kind that is not supported
  public CompressedTensorsReader(Checkpoint folder) {
    this.folder = folder;
    this.config =
        CompressedTensorsConfig.parse(
            folder.configJson(), folder.path().resolve("config.json").toString());
  }

  @Override
  public boolean isQuantized(String weightName) {
    String module = QuantizedWeights.module(weightName);
    return !module.equals(weightName)
        && folder.infos().containsKey(module + CompressedTensorsLayout.SCALE)
        && config.groupOf(module) != null;
  }

  @Override
  public List<String> parts(String weightName) {
    String module = QuantizedWeights.module(weightName);
    return CompressedTensorsLayout.SUFFIXES.stream()
        .map(suffix -> module + suffix)
        .filter(folder.infos()::containsKey)
        .toList();
  }

  @Override
  public @Nullable ActivationQuantization activations(LinearModule layer) {
    CompressedTensorsConfig.Group group = config.groupOf(layer.name());
    return group == null ? null : group.activations();
  }

  /// In the scheme's own numbering.
  @Override
  public AffineParameters inputParameters(LinearModule layer) {
    String module = layer.name();
    ActivationQuantization activations = activations(layer);
    if (activations == null || activations.dynamic()) {
      throw new IllegalArgumentException(module + " has no static activations");
    }
    float scale = scalar(module + CompressedTensorsLayout.INPUT_SCALE);
    if (!(scale > 0) || Float.isInfinite(scale)) {
      throw new UserException(
          "Tensor '%s%s' in %s is %s; a scale is a positive number."
              .formatted(module, CompressedTensorsLayout.INPUT_SCALE, folder.path(), scale));
    }
    String name = module + CompressedTensorsLayout.INPUT_ZERO_POINT;
    int zero = 0;
    if (AffineTensor.hasZeroPoints(activations.scheme())) {
      HostTensor stored = folder.tensor(name);
      if (stored.dtype() != DType.I8 || stored.elements() != 1) {
        throw unexpected(name, stored, DType.I8, Shape.of(1));
      }
      zero = stored.data().get(ValueLayout.JAVA_BYTE, 0);
    }
    return new AffineParameters(scale, zero + (activations.scheme().signed() ? 0 : 128));
  }

  private float scalar(String name) {
    HostTensor stored = folder.tensor(name);
    if (!stored.dtype().isFloat() || stored.elements() != 1) {
      throw unexpected(name, stored, DType.F32, Shape.of(1));
    }
    return stored.toFloats()[0];
  }

  @Override
  public QuantizedTensor read(String weightName, Shape demanded) {
    String module = QuantizedWeights.module(weightName);
    CompressedTensorsConfig.Group group = config.groupOf(module);
    if (group == null) {
      throw new IllegalArgumentException(module + " is not quantized");
    }
    return switch (group.weights()) {
      case Scheme.Affine affine -> affine(module, demanded, affine, group.groupIndex());
      case Scheme.Float8 float8 -> float8(module, demanded, float8);
      case Scheme.Mxfp4 mxfp4 -> {
        FloatLayout.requireBlocks(module, demanded, mxfp4, Scheme.Mxfp4.BLOCK_SIZE);
        yield mxfp4(module, demanded);
      }
      case Scheme.Nvfp4 nvfp4 -> {
        FloatLayout.requireBlocks(module, demanded, nvfp4, Scheme.Nvfp4.BLOCK_SIZE);
        yield nvfp4(module, demanded);
      }
      case Scheme.Nf4 nf4 -> throw unsupported(module, nf4);
      case Scheme.Fp4 fp4 -> throw unsupported(module, fp4);
      case Scheme.LlmInt8 int8 -> throw unsupported(module, int8);
      case Scheme.Ggml ggml -> throw unsupported(module, ggml);
      case Scheme.Cast cast -> throw unsupported(module, cast);
    };
  }

  private UserException unsupported(String module, Scheme scheme) {
    return new UserException(
        "Layer %s in %s is stored as %s, which is not supported."
            .formatted(module, folder.path(), scheme));
  }

  private AffineTensor affine(
      String module, Shape shape, Scheme.Affine scheme, boolean groupIndex) {
    HostTensor scales = scales(module, shape, scheme.granularity());
    return new AffineTensor(
        shape,
        scales.dtype(),
        scheme,
        codes(module, shape, scheme),
        scales,
        zeros(module, scales.shape(), scheme),
        groupIndex ? groupIndex(module, shape, scheme) : null);
  }

  /// Null where the columns are in groups in their order, which -1 says as well.
  private @Nullable HostTensor groupIndex(String module, Shape shape, Scheme.Affine scheme) {
    String name = module + CompressedTensorsLayout.GROUP_INDEX;
    if (!(scheme.granularity() instanceof Granularity.PerGroup group)
        || !folder.infos().containsKey(name)) {
      return null;
    }
    HostTensor stored = demand(name, DType.I32, Shape.of(shape.dim(1)));
    if (IntStream.of(GroupIndex.read(stored)).anyMatch(column -> column == -1)) {
      return null;
    }
    int groups = Math.toIntExact(group.scaleShape(shape).dim(1));
    String where = "Tensor '%s' in %s".formatted(name, folder.path());
    return GroupIndex.of(GroupIndex.read(stored, groups, where), group.size());
  }

  /// One per run of weights, as a matrix.
  private HostTensor scales(String module, Shape shape, Granularity granularity) {
    Shape matrix = granularity.scaleShape(shape);
    String name = module + CompressedTensorsLayout.SCALE;
    HostTensor stored = folder.tensor(name);
    if (stored.elements() != matrix.elements() || !isScaleDType(stored.dtype())) {
      throw unexpected(
          name, stored, DType.BF16, CompressedTensorsLayout.storedScales(shape, granularity));
    }
    HostTensor scales = FloatLayout.matrix(stored, granularity, shape);
    for (float scale : scales.toFloats()) {
      if (!Float.isFinite(scale)) {
        throw new UserException(
            "Tensor '%s' in %s has the scale %s.".formatted(name, folder.path(), scale));
      }
    }
    return scales;
  }

  private Float8Tensor float8(String module, Shape shape, Scheme.Float8 scheme) {
    HostTensor codes = demand(module + ".weight", DType.F8_E4M3, shape);
    HostTensor scales = scales(module, shape, scheme.granularity());
    return new Float8Tensor(shape, scales.dtype(), scheme, codes.data(), scales);
  }

  private Mxfp4Tensor mxfp4(String module, Shape shape) {
    return new Mxfp4Tensor(
        shape,
        modelDtype(),
        fourBitCodes(module, shape),
        demand(
                module + CompressedTensorsLayout.SCALE,
                DType.U8,
                FloatLayout.columns(shape, Scheme.Mxfp4.BLOCK_SIZE))
            .data());
  }

  private Nvfp4Tensor nvfp4(String module, Shape shape) {
    String name = module + FloatLayout.GLOBAL_SCALE;
    float globalScale = scalar(name);
    if (!(globalScale > 0) || Float.isInfinite(globalScale)) {
      throw new UserException(
          "Tensor '%s' in %s is %s; a scale is a positive number."
              .formatted(name, folder.path(), globalScale));
    }
    return new Nvfp4Tensor(
        shape,
        modelDtype(),
        fourBitCodes(module, shape),
        demand(
                module + CompressedTensorsLayout.SCALE,
                DType.F8_E4M3,
                FloatLayout.columns(shape, Scheme.Nvfp4.BLOCK_SIZE))
            .data(),
        globalScale);
  }

  private MemorySegment fourBitCodes(String module, Shape shape) {
    Shape packed = FloatLayout.columns(shape, 2);
    return demand(module + CompressedTensorsLayout.PACKED, DType.U8, packed).data();
  }

  /// The dtype that the configuration gives the model; bfloat16 where it gives none.
  private DType modelDtype() {
    String name =
        folder
            .configJson()
            .path("dtype")
            .asString(folder.configJson().path("torch_dtype").asString("bfloat16"));
    DType dtype = DType.parse(name, folder.path().resolve("config.json").toString());
    return isScaleDType(dtype) ? dtype : DType.BF16;
  }

  private static boolean isScaleDType(DType dtype) {
    return dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16;
  }

  private MemorySegment codes(String module, Shape shape, Scheme.Affine scheme) {
    String packed = module + CompressedTensorsLayout.PACKED;
    if (!folder.infos().containsKey(packed)) {
      HostTensor bytes = demand(module + ".weight", DType.I8, shape);
      return scheme.bits() == 8 ? bytes.data() : fromBytes(bytes, scheme);
    }
    int bits = scheme.bits();
    int columns = Math.toIntExact(shape.dim(1));
    long words = WordPacking.words(columns, bits);
    HostTensor stored = folder.tensor(packed);
    long dense = ((long) columns * bits + 31) / 32;
    if (bits < 8 && stored.shape().equals(Shape.of(shape.dim(0), dense))) {
      return demand(packed, DType.I32, stored.shape()).data(); // a dense stream, as newer versions
    }
    MemorySegment source = demand(packed, DType.I32, Shape.of(shape.dim(0), words)).data();
    long rowBytes = AffineTensor.rowBytes(shape, scheme);
    MemorySegment codes = Arena.ofAuto().allocate(shape.dim(0) * rowBytes, 64);
    Parallel.forRange(
        shape.dim(0),
        Math.max(1, (1 << 16) / Math.max(1, columns)),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            WordPacking.toStream(
                source.asSlice(row * words * 4, words * 4),
                bits,
                columns,
                codes.asSlice(row * rowBytes, rowBytes));
          }
        });
    return codes;
  }

  /// Codes that were stored one per byte, with their sign.
  private static MemorySegment fromBytes(HostTensor bytes, Scheme.Affine scheme) {
    long rowBytes = AffineTensor.rowBytes(bytes.shape(), scheme);
    MemorySegment codes = Arena.ofAuto().allocate(bytes.shape().dim(0) * rowBytes, 64);
    long columns = bytes.shape().dim(1);
    for (long row = 0; row < bytes.shape().dim(0); row++) {
      WordPacking.fromBytes(
          bytes.data().asSlice(row * columns, columns),
          scheme.bits(),
          Math.toIntExact(columns),
          codes.asSlice(row * rowBytes, rowBytes));
    }
    return codes;
  }

  private @Nullable HostTensor zeros(String module, Shape matrix, Scheme.Affine scheme) {
    if (!AffineTensor.hasZeroPoints(scheme)) {
      return null;
    }
    String name = module + CompressedTensorsLayout.ZERO_POINT;
    HostTensor stored = folder.tensor(name);
    if (stored.dtype() == DType.I8 && stored.elements() == matrix.elements()) {
      return new HostTensor(DType.I8, matrix, stored.data());
    }
    int rows = Math.toIntExact(matrix.dim(0));
    int columns = Math.toIntExact(matrix.dim(1));
    Shape packed = Shape.of(WordPacking.words(rows, scheme.bits()), columns);
    HostTensor words = demand(name, DType.I32, packed);
    MemorySegment zeros = Arena.ofAuto().allocate(matrix.elements(), 64);
    WordPacking.unpackRows(words.data(), scheme.bits(), rows, columns, zeros);
    return new HostTensor(DType.I8, matrix, zeros);
  }

  private HostTensor demand(String name, DType dtype, Shape shape) {
    HostTensor tensor = folder.tensor(name);
    if (tensor.dtype() != dtype || !tensor.shape().equals(shape)) {
      throw unexpected(name, tensor, dtype, shape);
    }
    return tensor;
  }

  private UserException unexpected(String name, HostTensor tensor, DType dtype, Shape shape) {
    return new UserException(
        "Tensor '%s' in %s is %s %s; its quantization_config demands %s %s."
            .formatted(name, folder.path(), tensor.dtype(), tensor.shape(), dtype, shape));
  }
}
