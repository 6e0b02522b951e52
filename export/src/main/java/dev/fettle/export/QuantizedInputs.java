package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How a checkpoint says the inputs of its layers are quantized; most formats have no word for it.
///
/// @param model for messages
/// @param scheme null where inputs are not quantized
/// @param parameters by the layer's path, of static schemes
record QuantizedInputs(
    Path model, @Nullable ActivationQuantization scheme, Map<String, AffineParameters> parameters) {

  /// @throws UserException if layers differ in it
  static QuantizedInputs of(UnpackedCheckpoint source) {
    @Nullable ActivationQuantization scheme = null;
    Map<String, AffineParameters> parameters = new HashMap<>();
    if (source.isQuantized()) {
      for (LinearModule module : Architecture.of(source.stored().config()).linears()) {
        ActivationQuantization found = source.packedWeights().activations(module);
        if (found == null) {
          continue;
        }
        if (scheme != null && !scheme.equals(found)) {
          throw new UserException(
              "Layers of %s quantize their inputs differently (%s and %s), which cannot be converted; start from the unquantized model."
                  .formatted(source.path(), scheme.scheme(), found.scheme()));
        }
        scheme = found;
        if (!found.dynamic()) {
          parameters.put(module.name(), source.packedWeights().inputParameters(module));
        }
      }
    }
    return new QuantizedInputs(source.path(), scheme, Map.copyOf(parameters));
  }

  /// @throws UserException if the target would lose it and nobody said it may
  void check(ConversionOptions options) {
    if (scheme != null
        && !options.weightsOnly()
        && options.format() != ExportFormat.COMPRESSED_TENSORS) {
      throw new UserException(
          "%s quantizes the inputs of its layers (%s), which %s cannot carry; keep it in compressed-tensors, or take only the weights with --weights-only."
              .formatted(model, scheme.scheme(), options.format().text()));
    }
  }

  QuantizeOptions carry(QuantizeOptions options, boolean weightsOnly) {
    return scheme == null || weightsOnly ? options : options.withActivations(scheme, parameters);
  }
}
