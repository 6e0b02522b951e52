package dev.fettle.quantize;

import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MappedPages;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import tools.jackson.databind.node.ObjectNode;

/// Quantizes the linear layers of a model folder into another, one tensor after the other: the
/// input is mapped, and at any time only one quantized weight is in memory.
public final class CheckpointQuantizer {
  /// Weights of linear layers inside the decoder blocks: `model.layers.3.mlp.down_proj.weight`.
  private static final Pattern LINEAR = Pattern.compile("model\\.layers\\.\\d+\\..*_proj\\.weight");

  private final Supplier<Arena> arenas;

  /// @param arenas makes the memory of one tensor; must be accessible from any thread
  CheckpointQuantizer(Supplier<Arena> arenas) {
    this.arenas = arenas;
  }

  /// @param model a folder with unquantized weights
  /// @param output a folder that does not exist yet
  /// @param onTensor told about each weight as it is done
  /// @throws UserException if the input is quantized already, nothing in it can be quantized, a
  ///   weight is not finite, or the output cannot be written; nothing is left at `output` then
  public static QuantizeReport quantize(
      Path model, Path output, QuantizeOptions options, Consumer<TensorReport> onTensor) {
    return new CheckpointQuantizer(Arena::ofShared).run(model, output, options, onTensor);
  }

  QuantizeReport run(
      Path model, Path output, QuantizeOptions options, Consumer<TensorReport> onTensor) {
    long start = System.nanoTime();
    CheckpointWriter.checkTarget(output, options.overwrite());
    try (CheckpointFolder source = CheckpointFolder.open(model)) {
      if (source.quantizationConfig() != null) {
        throw new UserException(
            "Model " + model + " is quantized already; start from its unquantized weights.");
      }
      List<TensorInfo> plan = plan(source, options);
      try (CheckpointWriter writer =
          CheckpointWriter.create(
              output,
              configJson(source, options),
              plan,
              source.companionFiles(),
              options.overwrite())) {
        List<TensorReport> reports = new ArrayList<>();
        for (TensorInfo info : source.infos().values()) {
          if (isQuantized(info, options)) {
            TensorReport report = writeQuantized(source, info, options.scheme(), writer);
            reports.add(report);
            onTensor.accept(report);
          } else {
            writer.write(info.name(), source.tensor(info.name()));
          }
          MappedPages.release(source.tensor(info.name()).data());
        }
        writer.commit();
        return report(source, plan, reports, options.scheme(), start);
      }
    }
  }

  private static List<TensorInfo> plan(CheckpointFolder source, QuantizeOptions options) {
    List<TensorInfo> plan = new ArrayList<>();
    int quantized = 0;
    for (TensorInfo info : source.infos().values()) {
      if (isQuantized(info, options)) {
        plan.addAll(
            BitsAndBytesLayout.plan(info.name(), info.shape(), info.dtype(), options.scheme()));
        quantized++;
      } else {
        plan.add(info);
      }
    }
    if (quantized == 0) {
      throw new UserException(
          "Model "
              + source.path()
              + " has no linear layer to quantize: no matrix is named"
              + " model.layers.N.*_proj.weight"
              + skipped(options)
              + ".");
    }
    return plan;
  }

  private static String skipped(QuantizeOptions options) {
    return options.skipModules().isEmpty() ? "" : " apart from " + options.skipModules();
  }

  private static boolean isQuantized(TensorInfo info, QuantizeOptions options) {
    if (info.shape().rank() != 2 || !LINEAR.matcher(info.name()).matches()) {
      return false;
    }
    String module = info.name().substring(0, info.name().length() - ".weight".length());
    return options.skipModules().stream()
        .noneMatch(skip -> module.equals(skip) || module.endsWith("." + skip));
  }

  private static ObjectNode configJson(CheckpointFolder source, QuantizeOptions options) {
    ObjectNode config = source.configJson();
    config.set(
        "quantization_config",
        BitsAndBytesLayout.quantizationConfig(
            options.scheme(), computeDtype(source, options), options.skipModules()));
    return config;
  }

  private static DType computeDtype(CheckpointFolder source, QuantizeOptions options) {
    DType wanted = options.computeDtype();
    if (wanted != null) {
      return wanted;
    }
    boolean wide =
        source.infos().values().stream()
            .anyMatch(info -> isQuantized(info, options) && info.dtype() == DType.F32);
    return wide ? DType.F32 : DType.BF16;
  }

  private TensorReport writeQuantized(
      CheckpointFolder source, TensorInfo info, Scheme scheme, CheckpointWriter writer) {
    try (Arena arena = arenas.get()) {
      HostTensor weight = source.tensor(info.name());
      QuantizedTensor quantized = Quantizer.quantize(info.name(), weight, scheme, arena);
      long bytes = 0;
      for (Map.Entry<String, HostTensor> part :
          BitsAndBytesLayout.tensors(info.name(), quantized).entrySet()) {
        writer.write(part.getKey(), part.getValue());
        bytes += part.getValue().byteSize();
      }
      return new TensorReport(
          info.name(),
          info.shape(),
          info.dtype(),
          info.bytes(),
          bytes,
          8.0 * bytes / info.shape().elements(),
          TensorError.of(weight, quantized));
    }
  }

  private static QuantizeReport report(
      CheckpointFolder source,
      List<TensorInfo> plan,
      List<TensorReport> tensors,
      Scheme scheme,
      long start) {
    long inputBytes = 0;
    long parameters = 0;
    for (TensorInfo info : source.infos().values()) {
      inputBytes += info.bytes();
      parameters += info.shape().elements();
    }
    long outputBytes = plan.stream().mapToLong(TensorInfo::bytes).sum();
    long quantizedBytes = tensors.stream().mapToLong(TensorReport::outputBytes).sum();
    long quantized = tensors.stream().mapToLong(report -> report.shape().elements()).sum();
    return new QuantizeReport(
        scheme,
        8.0 * outputBytes / parameters,
        8.0 * quantizedBytes / quantized,
        (System.nanoTime() - start) / 1e9,
        inputBytes,
        outputBytes,
        parameters,
        List.copyOf(tensors));
  }
}
