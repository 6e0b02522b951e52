package dev.fettle.finetune;

import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Parameter;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/// Writes what quantization-aware training made: the very integers of the last forward pass, and
/// everything else rounded to the dtype of the checkpoint it came from.
final class QuantizedModel {
  private static final String WEIGHT = ".weight";

  private final Map<String, Parameter> trained = new HashMap<>();
  private final QuantizationAware rounding;

  private QuantizedModel(CausalLm model, QuantizationAware rounding) {
    this.rounding = rounding;
    model.baseParameters().forEach(p -> trained.put(p.name(), p));
  }

  /// @param folder the folder to make, or to replace
  static void write(
      Path folder, FinetuneRequest request, CausalLm model, QuantizationAware rounding) {
    QatOptions qat = rounding.options();
    QuantizeOptions options =
        new QuantizeOptions(qat.scheme(), model.computeDtype(), qat.skipModules())
            .withActivations(qat.activations(), rounding.inputParameters())
            .withOverwrite(true);
    QuantizedModel result = new QuantizedModel(model, rounding);
    CheckpointQuantizer.quantize(
        request.model(),
        folder,
        options,
        (module, weight, scheme, allocator) -> rounding.quantize(module, allocator),
        result::value,
        tensor -> {});
  }

  /// A tensor of the checkpoint as training left it.
  private HostTensor value(String name, HostTensor original, SegmentAllocator allocator) {
    String module =
        name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    if (rounding.covers(module)) {
      return rounding.unrounded(module, allocator);
    }
    Parameter parameter = trained.get(name);
    if (parameter == null) {
      return original;
    }
    try (Scope scope = Scope.open()) {
      HostTensor value = parameter.value().to(original.dtype()).hostView();
      HostTensor copy =
          new HostTensor(value.dtype(), value.shape(), allocator.allocate(value.byteSize(), 64));
      copy.data().copyFrom(value.data());
      return copy;
    }
  }
}
