package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.FolderFormat;
import dev.fettle.quantize.PackedForm;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Reencoding;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.TensorError;
import dev.fettle.quantize.TensorReport;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A model of any layout into a model folder of another: integers that the target can hold are
/// taken over as they are, other weights are dequantized and rounded once more, and either way the
/// difference is measured.
final class FolderConversion {
  private final UnpackedCheckpoint source;
  private final ConversionOptions options;
  private final ExportListener listener;
  private final QuantizedInputs activations;

  FolderConversion(UnpackedCheckpoint source, ConversionOptions options, ExportListener listener) {
    this.source = source;
    this.options = options;
    this.listener = listener;
    this.activations = inputs(source, options.like());
  }

  private static QuantizedInputs inputs(UnpackedCheckpoint source, @Nullable Path like) {
    if (like == null) {
      return QuantizedInputs.of(source);
    }
    try (UnpackedCheckpoint model = UnpackedCheckpoint.open(like)) {
      return QuantizedInputs.of(model);
    }
  }

  ConversionReport run(Path output) {
    long start = System.nanoTime();
    CheckpointWriter.checkTarget(output, false);
    activations.check(options);
    List<ConvertedTensor> tensors = new ArrayList<>();
    if (options.format() == ExportFormat.SAFETENSORS) {
      writePlain(output, tensors);
    } else {
      writeQuantized(output, tensors);
    }
    long before = source.stored().infos().values().stream().mapToLong(TensorInfo::bytes).sum();
    long after = Checkpoint.storedBytes(output);
    return new ConversionReport(
        output, before, after, (System.nanoTime() - start) / 1e9, tensors, List.of());
  }

  private void writePlain(Path output, List<ConvertedTensor> tensors) {
    List<TensorInfo> plan = List.copyOf(source.infos().values());
    try (CheckpointWriter writer =
        CheckpointWriter.create(output, source.configJson(), plan, source.stored().companions())) {
      for (int i = 0; i < plan.size(); i++) {
        String name = plan.get(i).name();
        listener.tensor(name, plan.get(i).dtype().torchName(), i + 1, plan.size());
        try (Arena arena = Arena.ofShared()) {
          HostTensor tensor = source.tensor(name, arena);
          writer.write(name, tensor);
          addChanged(name, tensor, tensors, arena);
        }
        source.release(name);
      }
      writer.commit();
    }
  }

  /// Notes a tensor that was packed or had another dtype.
  private void addChanged(
      String name, HostTensor tensor, List<ConvertedTensor> tensors, Arena arena) {
    String from = source.storedFormat(name);
    String to = tensor.dtype().torchName();
    if (!from.equals(to)) {
      HostTensor exact = source.tensor(name, DType.F32, arena);
      tensors.add(new ConvertedTensor(name, from, to, TensorError.of(exact, tensor)));
    }
  }

  /// How a weight is stored in the source: `nf4:group=64`, `bfloat16`, ….
  private void writeQuantized(Path output, List<ConvertedTensor> tensors) {
    SequencedMap<String, Scheme> schemes = schemes();
    FolderFormat layout = FolderFormat.parse(options.format().text());
    QuantizeOptions quantize =
        activations.carry(
            new QuantizeOptions(schemes.firstEntry().getValue(), null, plain(schemes))
                .withModuleSchemes(schemes)
                .withFormat(layout)
                .withGroupIndex(holdsGroupIndex(layout) && hasGroupIndex()),
            options.weightsOnly());
    int[] done = {0};
    Set<String> quantized = new HashSet<>();
    QuantizeReport report =
        CheckpointQuantizer.quantize(
            source,
            output,
            quantize,
            keepingIntegers(layout),
            tensor -> {
              quantized.add(tensor.name());
              listener.tensor(tensor.name(), tensor.scheme().toString(), ++done[0], schemes.size());
            });
    for (TensorReport tensor : report.tensors()) {
      tensors.add(
          new ConvertedTensor(
              tensor.name(),
              source.storedFormat(tensor.name()),
              tensor.scheme().toString(),
              tensor.error()));
    }
    for (String name : source.infos().keySet()) {
      if (!quantized.contains(name)) {
        try (Arena arena = Arena.ofShared()) {
          addChanged(name, source.tensor(name, arena), tensors, arena);
        }
      }
    }
  }

  /// The scheme of every linear layer of the blocks; those that stay plain are left out.
  private SequencedMap<String, Scheme> schemes() {
    Path like = options.like();
    if (like == null) {
      SequencedMap<String, Scheme> schemes = new LinkedHashMap<>();
      for (LinearModule module : linears()) {
        schemes.put(module.name(), scheme(module));
      }
      return schemes;
    }
    try (UnpackedCheckpoint model = UnpackedCheckpoint.open(like)) {
      return schemesOf(model);
    }
  }

  private SequencedMap<String, Scheme> schemesOf(UnpackedCheckpoint model) {
    SequencedMap<String, Scheme> schemes = new LinkedHashMap<>();
    for (LinearModule module : linears()) {
      PackedForm packed = model.form(module.weightName());
      if (packed != null) {
        schemes.put(module.name(), packed.scheme());
      }
    }
    return schemes;
  }

  private List<String> plain(SequencedMap<String, Scheme> schemes) {
    return linears().stream()
        .map(LinearModule::name)
        .filter(name -> !schemes.containsKey(name))
        .toList();
  }

  private List<LinearModule> linears() {
    return Architecture.of(source.stored().config()).linears();
  }

  private Scheme scheme(LinearModule module) {
    Scheme wanted = options.scheme();
    if (wanted != null) {
      return wanted;
    }
    PackedForm packed = source.form(module.weightName());
    Scheme same = packed == null ? null : SameIntegers.scheme(packed.scheme(), options.format());
    if (same == null) {
      throw new UserException(
          "%s in %s is %s, which %s cannot hold as it is; say into which number format to round it: --scheme, such as %s."
              .formatted(
                  module.weightName(),
                  source.path(),
                  source.storedFormat(module.weightName()),
                  options.format().text(),
                  ConversionOptions.suggestion(options.format())));
    }
    return same;
  }

  /// Whether columns of any layer are grouped in another order than they stand in.
  private boolean hasGroupIndex() {
    return linears().stream()
        .map(LinearModule::weightName)
        .anyMatch(name ->
            source.packed(name) instanceof AffineTensor affine && affine.groupIndex() != null);
  }

  private static boolean holdsGroupIndex(FolderFormat layout) {
    return switch (layout) {
      case COMPRESSED_TENSORS, GPTQ, GPTQ_V2 -> true;
      case BITSANDBYTES, AWQ -> false;
    };
  }

  private WeightQuantizer keepingIntegers(FolderFormat layout) {
    return (module, weight, scheme, allocator) -> {
      String name = module + ".weight";
      DType fixed = layout.scaleDtype();
      DType scales = fixed == null ? source.scaleDtype(name) : fixed;
      QuantizedTensor packed = source.packed(name);
      QuantizedTensor same =
          packed == null ? null : Reencoding.of(packed, scheme, scales, allocator);
      boolean fits =
          holdsGroupIndex(layout)
              || !(same instanceof AffineTensor affine)
              || affine.groupIndex() == null;
      if (same != null && fits) {
        return same;
      }
      HostTensor exact =
          packed != null && scheme instanceof Scheme.Affine
              ? source.tensor(name, DType.F32, allocator)
              : weight;
      return Quantizer.quantize(name, exact, scheme, scales, allocator);
    };
  }
}
