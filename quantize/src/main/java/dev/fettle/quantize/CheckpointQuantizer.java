package dev.fettle.quantize;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Quantizes the linear layers of a model folder into another, one tensor after the other: the
/// input is mapped, and at any time only one quantized weight is in memory.
public final class CheckpointQuantizer {
  /// Weights of linear layers inside the decoder blocks: `model.layers.3.mlp.down_proj.weight`.
  private static final Pattern LINEAR = Pattern.compile("model\\.layers\\.\\d+\\..*_proj\\.weight");

  private final Supplier<Arena> arenas;
  private final QuantizeOptions options;
  private final WeightQuantizer quantizer;
  private final TensorTransform transform;

  /// @param arenas makes the memory of one tensor; must be accessible from any thread
  CheckpointQuantizer(
      Supplier<Arena> arenas,
      QuantizeOptions options,
      WeightQuantizer quantizer,
      TensorTransform transform) {
    this.arenas = arenas;
    this.options = options;
    this.quantizer = quantizer;
    this.transform = transform;
  }

  /// Rounds to nearest.
  ///
  /// @param model a folder with unquantized weights
  /// @param output a folder that does not exist yet
  /// @param onTensor told about each weight as it is done
  /// @throws UserException if the input is quantized already, nothing in it can be quantized, a
  ///   weight is not finite, or the output cannot be written; nothing is left at `output` then
  public static QuantizeReport quantize(
      Path model, Path output, QuantizeOptions options, Consumer<TensorReport> onTensor) {
    return quantize(
        model,
        output,
        options,
        WeightQuantizer.roundToNearest(options.scaleDtype()),
        TensorTransform.none(),
        onTensor);
  }

  /// As the other `quantize`, with integers that `quantizer` chooses for weights that `transform`
  /// may have changed.
  public static QuantizeReport quantize(
      Path model,
      Path output,
      QuantizeOptions options,
      WeightQuantizer quantizer,
      TensorTransform transform,
      Consumer<TensorReport> onTensor) {
    return new CheckpointQuantizer(Arena::ofShared, options, quantizer, transform)
        .run(model, output, onTensor);
  }

  /// As the other `quantize`, from weights that may be packed; those are dequantized first, unless
  /// `quantizer` takes them as they are.
  ///
  /// @param source stays open
  public static QuantizeReport quantize(
      UnpackedCheckpoint source,
      Path output,
      QuantizeOptions options,
      WeightQuantizer quantizer,
      Consumer<TensorReport> onTensor) {
    CheckpointWriter.checkTarget(output, options.overwrite());
    return new CheckpointQuantizer(Arena::ofShared, options, quantizer, TensorTransform.none())
        .run(source, output, onTensor);
  }

  QuantizeReport run(Path model, Path output, Consumer<TensorReport> onTensor) {
    CheckpointWriter.checkTarget(output, options.overwrite());
    try (Checkpoint source = Checkpoint.open(model)) {
      if (source.isQuantized()) {
        throw new UserException(
            "Model %s is quantized already; start from its unquantized weights, or take this one as it is with 'fettle convert'."
                .formatted(model));
      }
      return run(UnpackedCheckpoint.of(source), output, onTensor);
    }
  }

  private QuantizeReport run(
      UnpackedCheckpoint source, Path output, Consumer<TensorReport> onTensor) {
    long start = System.nanoTime();
    FolderPlan plan = FolderPlan.of(source, options);
    try (CheckpointWriter writer =
        CheckpointWriter.create(
            output,
            plan.configJson(source, options),
            plan.tensors(),
            source.stored().companions(),
            options.overwrite())) {
      List<TensorReport> reports = new ArrayList<>();
      for (TensorInfo info : source.infos().values()) {
        @Nullable Scheme scheme = plan.schemeOf(info);
        if (scheme == null) {
          writePlain(source, info, plan, writer);
        } else {
          TensorReport report = writeQuantized(source, info, scheme, plan, writer);
          reports.add(report);
          onTensor.accept(report);
        }
        source.release(info.name());
      }
      writer.commit();
      return report(source, plan.tensors(), reports, start);
    }
  }

  private void writePlain(
      UnpackedCheckpoint source, TensorInfo info, FolderPlan plan, CheckpointWriter writer) {
    try (Arena arena = arenas.get()) {
      HostTensor tensor =
          transform.transform(info.name(), source.tensor(info.name(), arena), arena);
      writer.write(info.name(), Casts.to(plan.plainDType(info), tensor, arena));
    }
  }

  private TensorReport writeQuantized(
      UnpackedCheckpoint source,
      TensorInfo info,
      Scheme scheme,
      FolderPlan plan,
      CheckpointWriter writer) {
    try (Arena arena = arenas.get()) {
      HostTensor weight =
          transform.transform(info.name(), source.tensor(info.name(), arena), arena);
      if (options.nanPolicy() == NanPolicy.ZERO) {
        weight = NonFinite.zeroed(weight, arena);
      }
      QuantizedTensor quantized =
          quantizer.quantize(QuantizedWeights.module(info.name()), weight, scheme, arena);
      long bytes = 0;
      for (Map.Entry<String, HostTensor> part :
          plan.layout().tensors(info.name(), quantized, options).entrySet()) {
        writer.write(part.getKey(), part.getValue());
        bytes += part.getValue().byteSize();
      }
      return new TensorReport(
          info.name(),
          info.shape(),
          info.dtype(),
          scheme,
          source.storedBytes(info.name()),
          bytes,
          8.0 * bytes / info.shape().elements(),
          TensorError.of(exact(source, info.name(), weight, arena), quantized));
    }
  }

  /// What the error of a quantized weight is counted from: a packed one as it is, not rounded.
  private static HostTensor exact(
      UnpackedCheckpoint source, String name, HostTensor weight, Arena arena) {
    return source.isPacked(name) ? source.tensor(name, DType.F32, arena) : weight;
  }

  /// Finds out from names and shapes whether a folder can hold what the options ask for, before
  /// anything is computed.
  ///
  /// @throws UserException if there is nothing to quantize, or the layout cannot hold a layer
  public static void requireStorable(Checkpoint source, QuantizeOptions options) {
    FolderPlan.of(UnpackedCheckpoint.of(source), options);
  }

  /// Bytes that a folder holds for one weight in a scheme: codes, scales and whatever else its
  /// layout stores for it.
  ///
  /// @throws UserException if no model folder holds the scheme, or it does not fit the shape
  public static long storedBytes(TensorInfo weight, Scheme scheme) {
    if (scheme instanceof Scheme.Cast cast) {
      return weight.shape().elements() * cast.dtype().bytes();
    }
    SequencedMap<String, Scheme> alone = new LinkedHashMap<>();
    alone.put(QuantizedWeights.module(weight.name()), scheme);
    return FolderFormat.of(alone).plan(weight, scheme, QuantizeOptions.of(scheme)).stream()
        .mapToLong(TensorInfo::bytes)
        .sum();
  }

  /// Whether a tensor is the weight of a linear layer inside the decoder blocks.
  static boolean isLinearWeight(TensorInfo info) {
    return info.shape().rank() == 2 && LINEAR.matcher(info.name()).matches();
  }

  private QuantizeReport report(
      UnpackedCheckpoint source, List<TensorInfo> plan, List<TensorReport> tensors, long start) {
    long inputBytes = 0;
    long parameters = 0;
    for (TensorInfo info : source.infos().values()) {
      parameters += info.shape().elements();
    }
    for (TensorInfo info : source.stored().infos().values()) {
      inputBytes += info.bytes();
    }
    long outputBytes = plan.stream().mapToLong(TensorInfo::bytes).sum();
    long quantizedBytes = tensors.stream().mapToLong(TensorReport::outputBytes).sum();
    long quantized = tensors.stream().mapToLong(report -> report.shape().elements()).sum();
    return new QuantizeReport(
        options.scheme(),
        8.0 * outputBytes / parameters,
        quantized == 0 ? 0 : 8.0 * quantizedBytes / quantized,
        (System.nanoTime() - start) / 1e9,
        inputBytes,
        outputBytes,
        parameters,
        List.copyOf(tensors));
  }
}
