package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPart.Tokens;
import dev.fettle.lora.AdapterPart.Whole;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoraPair;
import dev.fettle.model.Magnitude;
import dev.fettle.model.Parameter;
import dev.fettle.model.TokenRows;
import dev.fettle.model.Weight;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.function.Supplier;

/// An adapter attached to a model: low-rank updates of layers, and what it holds in full.
public final class LoraAdapter implements AutoCloseable {
  private final CausalLm model;
  private final LoraConfig config;
  private final AdapterPlan plan;
  private final Scope scope = Scope.detached();
  private final Map<String, LoraPair> pairs = new LinkedHashMap<>();
  private final SequencedMap<String, Parameter> stored = new LinkedHashMap<>();
  private final List<Supplier<Runnable>> attachments = new ArrayList<>();
  private final List<Runnable> undo = new ArrayList<>();

  /// Where the values of a part come from; new tensors belong to the current scope.
  interface Values {
    /// Values, float32, by the names of {@link AdapterPart#tensors()}.
    Map<String, Tensor> of(AdapterPart part);
  }

  private LoraAdapter(CausalLm model, LoraConfig config, AdapterPlan plan) {
    this.model = model;
    this.config = config;
    this.plan = plan;
  }

  /// Attaches a fresh adapter. What is held in full starts as the model has it, so with the
  /// standard start the model computes what it did before.
  ///
  /// @param seed of A; the same seed gives the same adapter
  /// @throws dev.fettle.tensor.UserException if the configuration does not go with the model
  public static LoraAdapter attach(CausalLm model, LoraConfig config, long seed) {
    AdapterPlan plan = AdapterPlan.of(config, Architecture.of(model.config()));
    LoraAdapter adapter = new LoraAdapter(model, config, plan);
    adapter.build(new FreshValues(model, config, plan, seed));
    return adapter;
  }

  /// Attaches a stored adapter.
  ///
  /// @throws dev.fettle.tensor.UserException if it does not fit the model
  public static LoraAdapter attach(CausalLm model, AdapterFolder folder) {
    AdapterPlan plan = folder.plan(Architecture.of(model.config()));
    LoraAdapter adapter = new LoraAdapter(model, folder.config(), plan);
    try (Scope.Entered entered = adapter.scope.enter()) {
      for (String path : List.of(AdapterPlan.EMBEDDING, AdapterPlan.HEAD)) {
        String key = folder.storedBase(path, plan);
        if (key != null) {
          adapter.replaceBase(folder, path + ".weight", key);
        }
      }
    }
    adapter.build(part -> adapter.read(folder, part));
    return adapter;
  }

  private Map<String, Tensor> read(AdapterFolder folder, AdapterPart part) {
    Map<String, Tensor> values = new LinkedHashMap<>();
    for (String name : part.tensors().keySet()) {
      try (Scope temporary = Scope.open()) {
        values.put(name, scope.adopt(Tensors.copyOf(folder.tensor(name)).to(DType.F32)));
      }
    }
    return values;
  }

  /// The frozen weight that PEFT stored beside an adapter on it, where it differs from the model's.
  /// A tied weight is one tensor: both ends get it.
  private void replaceBase(AdapterFolder folder, String name, String key) {
    boolean tied = model.config().tieWordEmbeddings();
    try (Scope temporary = Scope.open()) {
      Tensor value = Tensors.copyOf(folder.tensor(key)).to(model.computeDtype());
      if (!model.tensors().isPacked(name)
          && value.segment().mismatch(model.tensors().frozen(name).segment()) == -1) {
        return;
      }
      scope.adopt(value);
      attachments.add(() -> model.tensors().replace(name, value));
      if (tied) {
        String other =
            name.equals(Architecture.EMBEDDING) ? Architecture.OUTPUT_HEAD : Architecture.EMBEDDING;
        attachments.add(() -> model.tensors().replace(other, value));
      }
    }
  }

  private void build(Values values) {
    boolean done = false;
    try (Scope.Entered entered = scope.enter()) {
      int index = 0;
      for (LowRank part : plan.lowRanks()) {
        add(part, values.of(part), index++);
      }
      for (Whole part : plan.wholes()) {
        add(part, values);
      }
      for (Tokens part : plan.tokens()) {
        add(part, values.of(part));
      }
      enabled(true);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private void add(LowRank part, Map<String, Tensor> values, int index) {
    Parameter a = parameter(part.a(), values);
    Parameter b = parameter(part.b(), values);
    LoraPair pair =
        new LoraPair(
            a,
            b,
            part.loraBias() ? parameter(part.bias(), values) : null,
            part.dora() ? new Magnitude(parameter(part.magnitude(), values)) : null,
            part.scale(),
            config.loraDropout(),
            index);
    pairs.put(part.path(), pair);
    attachments.add(() -> {
      if (part.embedding()) {
        model.embedding().lora(pair);
        return () -> model.embedding().lora(null);
      }
      model.layer(part.path()).lora(pair);
      return () -> model.layer(part.path()).lora(null);
    });
  }

  private void add(Whole part, Values values) {
    String tiedTo = part.tiedTo();
    Parameter parameter =
        tiedTo == null
            ? parameter(part.key(), values.of(part))
            : Objects.requireNonNull(stored.get(AdapterPart.PREFIX + tiedTo));
    attachments.add(() -> model.tensors().train(part.tensor(), parameter));
    stored.put(part.key(), parameter);
  }

  private void add(Tokens part, Map<String, Tensor> values) {
    TokenRows rows = new TokenRows(part.ids(), parameter(part.rows(), values));
    if (part.path().equals(AdapterPlan.EMBEDDING)) {
      attachments.add(() -> {
        model.embedding().tokens(rows);
        return () -> model.embedding().tokens(null);
      });
    }
    if (part.andHead() || part.path().equals(AdapterPlan.HEAD)) {
      attachments.add(() -> {
        model.headTokens(rows);
        return () -> model.headTokens(null);
      });
    }
  }

  private Parameter parameter(String key, Map<String, Tensor> values) {
    Tensor value = values.get(key);
    if (value == null) {
      throw new IllegalStateException("no value for " + key);
    }
    Parameter parameter = new Parameter(key, scope.adopt(value));
    stored.put(key, parameter);
    return parameter;
  }

  public LoraConfig config() {
    return config;
  }

  /// What the adapter does to the model.
  public AdapterPlan plan() {
    return plan;
  }

  /// Paths of the layers with a low-rank update, in the model's order.
  public List<String> targets() {
    return plan.targets();
  }

  /// The low-rank update at a path.
  ///
  /// @throws IllegalArgumentException if there is none
  public LoraPair pair(String path) {
    LoraPair pair = pairs.get(path);
    if (pair == null) {
      throw new IllegalArgumentException("no adapter at " + path);
    }
    return pair;
  }

  /// Everything that is trained, each once.
  public List<Parameter> parameters() {
    return stored.values().stream().distinct().toList();
  }

  /// Number of trained values.
  public long parameterCount() {
    return parameters().stream().mapToLong(p -> p.value().elements()).sum();
  }

  /// What PEFT's adapter file holds, by its names: what is trained, and the frozen weight of an
  /// adapted embedding or head unless that is packed.
  SequencedMap<String, Tensor> tensors() {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    stored.forEach((key, parameter) -> tensors.put(key, parameter.value()));
    boolean tokens = !config.trainableTokenIndices().isEmpty();
    for (LowRank part : plan.lowRanks()) {
      boolean head = part.path().equals(AdapterPlan.HEAD);
      Weight weight =
          part.embedding() ? model.embedding().weight() : head ? model.head().weight() : null;
      if (weight instanceof Weight.Dense dense && !tokens) {
        tensors.put(part.baseWeight(), dense.value());
      }
    }
    return tensors;
  }

  /// Switches the adapter off or on, to compare with the base.
  public void enabled(boolean enabled) {
    undo.reversed().forEach(Runnable::run);
    undo.clear();
    if (enabled) {
      attachments.forEach(attachment -> undo.add(attachment.get()));
    }
  }

  /// Takes the adapter off the model and frees it.
  @Override
  public void close() {
    enabled(false);
    scope.close();
  }
}
