package dev.fettle.quantize;

import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// What a quantized folder will hold, decided from names and shapes before anything is computed.
///
/// @param quantized the scheme of each linear layer that is quantized, by full path
/// @param cast the dtype of each tensor that is only rounded, by tensor name
/// @param plainLinears linear layers that stay as they are
/// @param tensors everything to write, in order
/// @param chosenLayout null if nothing is quantized but everything is cast
record FolderPlan(
    SequencedMap<String, Scheme> quantized,
    SequencedMap<String, DType> cast,
    List<String> plainLinears,
    List<TensorInfo> tensors,
    @Nullable FolderFormat chosenLayout) {

  /// @throws UserException if there is nothing to quantize, or no layout holds the schemes
  static FolderPlan of(UnpackedCheckpoint source, QuantizeOptions options) {
    SequencedMap<String, Scheme> quantized = new LinkedHashMap<>();
    SequencedMap<String, DType> cast = new LinkedHashMap<>();
    List<String> plain = new ArrayList<>();
    boolean castAll = options.scheme() instanceof Scheme.Cast;
    for (TensorInfo info : source.infos().values()) {
      if (!CheckpointQuantizer.isLinearWeight(info)) {
        if (castAll && info.dtype().isFloat()) {
          cast.put(info.name(), ((Scheme.Cast) options.scheme()).dtype());
        }
        continue;
      }
      String module = QuantizedWeights.module(info.name());
      @Nullable Scheme scheme = options.schemeOf(module);
      if (scheme == null || scheme instanceof Scheme.Cast) {
        plain.add(module);
        if (scheme instanceof Scheme.Cast wanted) {
          cast.put(info.name(), wanted.dtype());
        }
      } else {
        quantized.put(module, scheme);
      }
    }
    if (quantized.isEmpty() && cast.isEmpty()) {
      throw nothing(source, options);
    }
    FolderFormat layout = quantized.isEmpty() ? null : FolderFormat.of(quantized, options);
    List<TensorInfo> tensors = new ArrayList<>();
    for (TensorInfo info : source.infos().values()) {
      Scheme scheme =
          CheckpointQuantizer.isLinearWeight(info)
              ? quantized.get(QuantizedWeights.module(info.name()))
              : null;
      if (scheme != null && layout != null) {
        tensors.addAll(layout.plan(scaled(source, info, scheme), scheme, options));
      } else {
        DType dtype = cast.getOrDefault(info.name(), info.dtype());
        tensors.add(new TensorInfo(info.name(), dtype, info.shape()));
      }
    }
    return new FolderPlan(quantized, cast, plain, List.copyOf(tensors), layout);
  }

  /// Integers keep the dtype of the scales they come with.
  private static TensorInfo scaled(UnpackedCheckpoint source, TensorInfo info, Scheme scheme) {
    return scheme instanceof Scheme.Affine
        ? new TensorInfo(info.name(), source.scaleDtype(info.name()), info.shape())
        : info;
  }

  private static UserException nothing(UnpackedCheckpoint source, QuantizeOptions options) {
    String apart = options.skipModules().isEmpty() ? "" : " apart from " + options.skipModules();
    return new UserException(
        "Model %s has no linear layer to quantize: no matrix is named model.layers.N.*_proj.weight%s."
            .formatted(source.path(), apart));
  }

  /// The scheme of a tensor, or null if it is not quantized.
  @Nullable Scheme schemeOf(TensorInfo info) {
    return CheckpointQuantizer.isLinearWeight(info)
        ? quantized.get(QuantizedWeights.module(info.name()))
        : null;
  }

  /// The dtype in which a tensor that is not quantized is written.
  DType plainDType(TensorInfo info) {
    return cast.getOrDefault(info.name(), info.dtype());
  }

  FolderFormat layout() {
    if (chosenLayout == null) {
      throw new IllegalStateException("nothing is quantized");
    }
    return chosenLayout;
  }

  ObjectNode configJson(UnpackedCheckpoint source, QuantizeOptions options) {
    ObjectNode config = source.configJson();
    if (chosenLayout != null) {
      chosenLayout.writeConfig(
          config, quantized, plainLinears, options, computeDType(source, options));
    } else if (options.scheme() instanceof Scheme.Cast wanted) {
      config.put(config.has("dtype") ? "dtype" : "torch_dtype", wanted.dtype().torchName());
    }
    return config;
  }

  private DType computeDType(UnpackedCheckpoint source, QuantizeOptions options) {
    DType wanted = options.computeDtype();
    if (wanted != null) {
      return wanted;
    }
    boolean wide =
        source.infos().values().stream()
            .anyMatch(info -> schemeOf(info) != null && info.dtype() == DType.F32);
    return wide ? DType.F32 : DType.BF16;
  }
}
