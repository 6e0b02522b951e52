package dev.fettle.model;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The weights, norms and biases of a model under the names of its checkpoint; each can be made a
/// trained one and back.
public final class ModelTensors {
  private static final Pattern NORM =
      Pattern.compile("model\\.layers\\.(\\d+)\\.(\\w+_layernorm|self_attn\\.[qk]_norm)\\.weight");
  private static final String WEIGHT = ".weight";
  private static final String BIAS = ".bias";

  private final CausalLm model;
  private final List<DecoderBlock> blocks;
  private final RmsNorm finalNorm;

  ModelTensors(CausalLm model, List<DecoderBlock> blocks, RmsNorm finalNorm) {
    this.model = model;
    this.blocks = blocks;
    this.finalNorm = finalNorm;
  }

  /// The frozen value in the compute dtype; the model's own memory.
  ///
  /// @param name as in a checkpoint; `lm_head.weight` also where it is tied to the embedding
  /// @throws UserException if it is packed
  public Tensor frozen(String name) {
    if (isNorm(name)) {
      return norm(name).frozen();
    }
    if (name.endsWith(BIAS)) {
      return switch (linear(name, BIAS).bias()) {
        case Linear.Bias.Frozen frozen -> frozen.value();
        case Linear.Bias.Trained trained -> throw trained(name);
        case null -> throw new IllegalArgumentException("the model has no " + name);
      };
    }
    return switch (weight(name)) {
      case Weight.Dense dense -> dense.value();
      case Weight.Trained trained -> throw trained(name);
      case Weight.Quantized packed -> throw packed(name);
      case Weight.IntegerProduct packed -> throw packed(name);
      case Weight.FakeQuantized rounded -> throw packed(name);
    };
  }

  /// Some rows of a frozen weight, unpacked: float32 `[rows, in]`.
  ///
  /// @param name of the embedding's, the head's or a projection's weight
  public Tensor rows(String name, List<Integer> rows) {
    try (Scope scope = Scope.open()) {
      if (!(weight(name) instanceof Weight.Quantized packed)) {
        long[] index = rows.stream().mapToLong(Integer::longValue).toArray();
        return scope.keep(frozen(name).indexSelect(0, Tensors.ofLongs(index)).to(DType.F32));
      }
      Tensor out = Tensors.empty(DType.F32, rows.size(), packed.in());
      long bytes = packed.in() * DType.F32.bytes();
      for (int i = 0; i < rows.size(); i++) {
        packed
            .value()
            .dequantizeRows(
                rows.get(i), rows.get(i) + 1L, DType.F32, out.segment().asSlice(i * bytes, bytes));
      }
      return scope.keep(out);
    }
  }

  /// Whether a weight is stored quantized, so that [#frozen] refuses it.
  public boolean isPacked(String name) {
    return !isNorm(name)
        && !name.endsWith(BIAS)
        && !(weight(name) instanceof Weight.Dense)
        && !(weight(name) instanceof Weight.Trained);
  }

  /// Puts a trained tensor in the place of one of the same shape, which may be packed.
  ///
  /// @param name as for [#frozen]
  /// @return puts the former one back
  public Runnable train(String name, Parameter parameter) {
    if (isNorm(name)) {
      RmsNorm norm = norm(name);
      RmsNorm.Gain before = norm.gain();
      norm.gain(new RmsNorm.Gain.Trained(parameter));
      return () -> norm.gain(before);
    }
    if (name.endsWith(BIAS)) {
      Linear linear = linear(name, BIAS);
      Linear.Bias before = Objects.requireNonNull(linear.bias(), name);
      linear.bias(new Linear.Bias.Trained(parameter));
      return () -> linear.bias(before);
    }
    Weight before = weight(name);
    weight(name, new Weight.Trained(parameter));
    return () -> weight(name, before);
  }

  /// Puts another frozen weight in the place of the embedding's, the head's or a projection's.
  ///
  /// @param value in the compute dtype; must live as long as it is used
  /// @return puts the former one back
  public Runnable replace(String name, Tensor value) {
    Weight before = weight(name);
    weight(name, new Weight.Dense(value));
    return () -> weight(name, before);
  }

  private static boolean isNorm(String name) {
    return name.equals(Architecture.FINAL_NORM) || NORM.matcher(name).matches();
  }

  private RmsNorm norm(String name) {
    Matcher matcher = NORM.matcher(name);
    if (!matcher.matches()) {
      return finalNorm;
    }
    RmsNorm norm =
        blocks
            .get(Integer.parseInt(matcher.group(1)))
            .norms()
            .named(matcher.group(2), model.config().norms());
    if (norm == null) {
      throw new IllegalArgumentException("the model has no " + name);
    }
    return norm;
  }

  private Weight weight(String name) {
    return name.equals(Architecture.EMBEDDING)
        ? model.embedding().weight()
        : linear(name, WEIGHT).weight();
  }

  private void weight(String name, Weight replacement) {
    if (name.equals(Architecture.EMBEDDING)) {
      model.embedding().weight(replacement);
    } else {
      linear(name, WEIGHT).weight(replacement);
    }
  }

  private Linear linear(String name, String suffix) {
    String path = name.substring(0, name.length() - suffix.length());
    return model.layer(path);
  }

  private static UserException packed(String name) {
    return new UserException(
        "'%s' is stored quantized, so it cannot be trained as a whole; leave its module out of modules_to_save, or adapt it with LoRA (target_modules)."
            .formatted(name));
  }

  private static IllegalStateException trained(String name) {
    return new IllegalStateException(name + " is trained already");
  }
}
