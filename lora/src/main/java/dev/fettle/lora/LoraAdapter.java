package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Linear;
import dev.fettle.model.LoraPair;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/// An adapter attached to a model: one pair of matrices per target layer.
public final class LoraAdapter implements AutoCloseable {
  private final CausalLm model;
  private final LoraConfig config;
  private final List<String> targets;
  private final Scope scope;

  private LoraAdapter(CausalLm model, LoraConfig config, List<String> targets, Scope scope) {
    this.model = model;
    this.config = config;
    this.targets = targets;
    this.scope = scope;
  }

  /// Attaches a fresh adapter: A is uniform in ±1/√in (Kaiming with a = √5, as PEFT initialises
  /// it), B is zero, so the model computes what it did before.
  ///
  /// @param seed of A; the same seed gives the same adapter
  /// @throws dev.fettle.tensor.UserException if the targets match no layer
  public static LoraAdapter attach(CausalLm model, LoraConfig config, long seed) {
    return attach(
        model,
        config,
        (linear, index) -> {
          int rank = config.rankOf(linear.path());
          double bound = 1 / Math.sqrt(linear.weight().in());
          Tensor a =
              Tensors.uniform(seed * 1_000_003 + index, rank, linear.weight().in())
                  .mulInPlace(2 * bound)
                  .addInPlace(-bound);
          return new Tensor[] {a, Tensors.zeros(DType.F32, linear.weight().out(), rank)};
        });
  }

  /// Attaches a stored adapter.
  ///
  /// @throws dev.fettle.tensor.UserException if it does not fit the model
  public static LoraAdapter attach(CausalLm model, AdapterFolder folder) {
    folder.checkFits(Architecture.of(model.config()).linears());
    return attach(
        model,
        folder.config(),
        (linear, index) ->
            new Tensor[] {
              Tensors.copyOf(folder.a(linear.path())).to(DType.F32),
              Tensors.copyOf(folder.b(linear.path())).to(DType.F32)
            });
  }

  private static LoraAdapter attach(
      CausalLm model, LoraConfig config, BiFunction<Linear, Integer, Tensor[]> values) {
    List<String> targets = config.targetModules().select(model.linears().keySet());
    Scope scope = Scope.detached();
    try (Scope.Entered entered = scope.enter()) {
      int index = 0;
      for (String path : targets) {
        Linear linear = model.linear(path);
        Tensor[] pair = values.apply(linear, index);
        linear.lora(
            new LoraPair(
                new Parameter(AdapterFolder.nameOfA(path), pair[0]),
                new Parameter(AdapterFolder.nameOfB(path), pair[1]),
                config.scaleOf(path),
                config.loraDropout(),
                index));
        index++;
      }
    }
    return new LoraAdapter(model, config, targets, scope);
  }

  public LoraConfig config() {
    return config;
  }

  /// Paths of the adapted layers, in the model's order.
  public List<String> targets() {
    return targets;
  }

  public LoraPair pair(String path) {
    LoraPair pair = model.linear(path).lora();
    if (pair == null) {
      throw new IllegalArgumentException("no adapter at " + path);
    }
    return pair;
  }

  /// A and B of every target, in order.
  public List<Parameter> parameters() {
    List<Parameter> parameters = new ArrayList<>();
    for (String path : targets) {
      parameters.add(pair(path).a());
      parameters.add(pair(path).b());
    }
    return parameters;
  }

  /// Number of trained values.
  public long parameterCount() {
    return parameters().stream().mapToLong(p -> p.value().elements()).sum();
  }

  /// Switches the adapter off or on, to compare with the base.
  public void enabled(boolean enabled) {
    targets.forEach(path -> model.linear(path).loraEnabled(enabled));
  }

  /// Takes the adapter off the model and frees it.
  @Override
  public void close() {
    targets.forEach(path -> model.linear(path).lora(null));
    scope.close();
  }
}
