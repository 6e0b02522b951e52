package dev.fettle.lora;

import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPart.Tokens;
import dev.fettle.lora.AdapterPart.Whole;
import dev.fettle.model.CausalLm;
import dev.fettle.tensor.DType;
import java.util.LinkedHashMap;
import java.util.Map;

/// How an adapter starts, as PEFT's `reset_lora_parameters` and `nn.Linear` start it.
final class FreshValues implements LoraAdapter.Values {
  private final CausalLm model;
  private final LoraConfig config;
  private final AdapterPlan plan;
  private final long seed;

  FreshValues(CausalLm model, LoraConfig config, AdapterPlan plan, long seed) {
    this.model = model;
    this.config = config;
    this.plan = plan;
    this.seed = seed;
  }

  @Override
  public Map<String, Tensor> of(AdapterPart part) {
    return switch (part) {
      case LowRank low -> lowRank(low);
      case Whole whole -> Map.of(whole.key(), copy(whole.tensor()));
      case Tokens tokens ->
          Map.of(tokens.rows(), model.tensors().rows(tokens.path() + ".weight", tokens.ids()));
    };
  }

  private Map<String, Tensor> lowRank(LowRank part) {
    long key = seed * 1_000_003 + plan.lowRanks().indexOf(part);
    Map<String, Tensor> values = new LinkedHashMap<>();
    Tensor a = part.embedding() ? embeddingA(part, key) : a(part, key);
    Tensor b = b(part, ~key);
    values.put(part.a(), a);
    values.put(part.b(), b);
    if (part.loraBias()) {
      values.put(part.bias(), starting(~key * 31, 1 / Math.sqrt(part.rank()), part.out()));
    }
    if (part.dora()) {
      values.put(
          part.magnitude(),
          part.embedding()
              ? model.embedding().adaptedNorms(a, b, part.scale())
              : model.layer(part.path()).adaptedNorms(a, b, part.scale()));
    }
    return values;
  }

  private Tensor a(LowRank part, long key) {
    return switch (config.initLoraWeights()) {
      case STANDARD, RANDOM -> uniform(key, 1 / Math.sqrt(part.in()), part.rank(), part.in());
      case GAUSSIAN -> Tensors.normal(key, part.rank(), part.in()).mulInPlace(1.0 / part.rank());
    };
  }

  private Tensor embeddingA(LowRank part, long key) {
    return switch (config.initLoraWeights()) {
      case STANDARD, GAUSSIAN -> Tensors.zeros(DType.F32, part.rank(), part.in());
      case RANDOM -> Tensors.normal(key, part.rank(), part.in());
    };
  }

  private Tensor b(LowRank part, long key) {
    return part.embedding()
        ? Tensors.normal(key, part.out(), part.rank())
        : starting(key, 1 / Math.sqrt(part.rank()), part.out(), part.rank());
  }

  /// Zero, unless the start is a random one.
  private Tensor starting(long key, double bound, long... shape) {
    return switch (config.initLoraWeights()) {
      case STANDARD, GAUSSIAN -> Tensors.zeros(DType.F32, shape);
      case RANDOM -> uniform(key, bound, shape);
    };
  }

  /// `kaiming_uniform_(a=√5)` is uniform in ±1/√(number of inputs).
  private static Tensor uniform(long key, double bound, long... shape) {
    return Tensors.uniform(key, shape).mulInPlace(2 * bound).addInPlace(-bound);
  }

  private Tensor copy(String tensor) {
    Tensor frozen = model.tensors().frozen(tensor);
    return frozen.dtype() == DType.F32 ? frozen.copy() : frozen.to(DType.F32);
  }
}
