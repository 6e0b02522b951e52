package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPart.Tokens;
import dev.fettle.lora.AdapterPart.Whole;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The weights of a base with an adapter in them: the one place that computes them.
///
/// LoRA: `W' = W + s · B · A`, transposed for the embedding, and `b' = b + s · c` with PEFT's
/// `lora_bias`. DoRA: `W' = m / ‖W + s · B · A‖ · (W + s · B · A)`, the norm over each output
/// feature. Modules held in full and replaced rows take the place of what was there. All in
/// float64; the caller rounds.
public final class AdapterUpdate {
  private final AdapterFolder adapter;
  private final AdapterPlan plan;
  private final boolean unties;
  private final SequencedMap<String, List<AdapterPart>> byTensor = new LinkedHashMap<>();
  private final Map<String, String> storedBases = new HashMap<>();

  private AdapterUpdate(AdapterFolder adapter, AdapterPlan plan, Architecture architecture) {
    this.adapter = adapter;
    this.plan = plan;
    this.unties = plan.unties(architecture) && !sameAtBothEnds();
    boolean tied = architecture.config().tieWordEmbeddings();
    plan.lowRanks().forEach(part -> add(part.path() + ".weight", part));
    for (LowRank part : plan.lowRanks()) {
      if (part.loraBias()) {
        requireBias(part);
        add(part.path() + ".bias", part);
      }
    }
    for (Whole part : plan.wholes()) {
      if (unties || part.tiedTo() == null) {
        add(part.tensor(), part);
      }
    }
    plan.tokens().forEach(part -> add(part.path() + ".weight", part));
    for (String path : List.of(AdapterPlan.EMBEDDING, AdapterPlan.HEAD)) {
      String key = adapter.storedBase(path, plan);
      if (key != null) {
        storedBases.put(path + ".weight", key);
        if (tied) { // one tensor in the base, wherever it is stored
          storedBases.put(Architecture.EMBEDDING, key);
          storedBases.put(Architecture.OUTPUT_HEAD, key);
        }
      }
    }
    storedBases.keySet().forEach(name -> byTensor.computeIfAbsent(name, n -> new ArrayList<>()));
    if (tied && !unties) {
      byTensor.remove(Architecture.OUTPUT_HEAD);
    }
    order(architecture);
    checkTies();
  }

  /// @param architecture of the base
  /// @throws UserException if the adapter does not fit it, or cannot be merged into it
  public static AdapterUpdate of(AdapterFolder adapter, Architecture architecture) {
    return new AdapterUpdate(adapter, adapter.plan(architecture), architecture);
  }

  private void add(String tensor, AdapterPart part) {
    byTensor.computeIfAbsent(tensor, name -> new ArrayList<>()).add(part);
  }

  private void order(Architecture architecture) {
    Map<String, List<AdapterPart>> unordered = new LinkedHashMap<>(byTensor);
    byTensor.clear();
    for (TensorInfo info : architecture.tensors()) {
      List<AdapterPart> parts = unordered.remove(info.name());
      if (parts != null) {
        byTensor.put(info.name(), parts);
      }
    }
    byTensor.putAll(unordered); // the head, where the base ties it
  }

  private static void requireBias(LowRank part) {
    if (!part.baseBias()) {
      throw new UserException(
          "Layer '%s' has no bias that the adapter's lora_B.bias could be merged into; use the adapter beside the model instead."
              .formatted(part.path()));
    }
  }

  /// Whether both ends of a tied embedding get the same update, as `ensure_weight_tying` means it.
  private boolean sameAtBothEnds() {
    Set<String> targets = new HashSet<>(plan.targets());
    if (!targets.containsAll(Set.of(AdapterPlan.EMBEDDING, AdapterPlan.HEAD))) {
      return false;
    }
    LowRank embedding = plan.lowRank(AdapterPlan.EMBEDDING);
    LowRank head = plan.lowRank(AdapterPlan.HEAD);
    try (Scope scope = Scope.open()) {
      return !head.dora()
          && embedding.scale() == head.scale()
          && embedding.rank() == head.rank()
          && sameBytes(read(embedding.a()).t(), read(head.b()))
          && sameBytes(read(embedding.b()).t(), read(head.a()));
    }
  }

  private static boolean sameBytes(Tensor a, Tensor b) {
    return a.contiguous().segment().mismatch(b.segment()) == -1;
  }

  private void checkTies() {
    for (Whole part : plan.wholes()) {
      if (part.tiedTo() != null
          && adapter.holds(part.key())
          && adapter
                  .tensor(part.key())
                  .data()
                  .mismatch(adapter.tensor(AdapterPart.PREFIX + part.tiedTo()).data())
              != -1) {
        throw new UserException(
            "Adapter %s says ensure_weight_tying, but its '%s' differs from '%s'; save it again without ensure_weight_tying."
                .formatted(adapter.path(), part.key(), AdapterPart.PREFIX + part.tiedTo()));
      }
    }
  }

  /// Whether the merged model has a head of its own although the base ties it to the embedding; its
  /// `config.json` must then say so.
  public boolean unties() {
    return unties;
  }

  /// Names of all weights, norms and biases that the adapter changes, in the model's order; the
  /// head among them where [#unties].
  public List<String> changedTensors() {
    return List.copyOf(byTensor.keySet());
  }

  /// Whether the adapter changes a tensor of the merged model.
  public boolean changes(String tensor) {
    return byTensor.containsKey(tensor) || (unties && tensor.equals(Architecture.OUTPUT_HEAD));
  }

  /// The low-rank update of a weight, for those who want A and B themselves; null if there is none.
  public @Nullable LowRank lowRank(String weight) {
    for (AdapterPart part : byTensor.getOrDefault(weight, List.of())) {
      if (part instanceof LowRank found) {
        return found;
      }
    }
    return null;
  }

  /// Turns a weight of the base into the adapted one.
  ///
  /// @param tensor its name; for a head that is tied in the base, `base` is the embedding's weight
  /// @param base float64, overwritten
  public void apply(String tensor, Tensor base) {
    String stored = storedBases.get(tensor);
    if (stored != null) {
      try (Scope scope = Scope.open()) {
        base.copyInPlace(read(stored));
      }
    }
    for (AdapterPart part : byTensor.getOrDefault(tensor, List.of())) {
      try (Scope scope = Scope.open()) {
        switch (part) {
          case LowRank low -> applyLowRank(low, tensor, base, 1);
          case Whole whole -> base.copyInPlace(read(whole.key()));
          case Tokens tokens ->
              base.indexCopyInPlace(
                  Tensors.ofLongs(tokens.ids().stream().mapToLong(Integer::longValue).toArray()),
                  read(tokens.rows()));
        }
      }
    }
  }

  /// Turns an adapted weight back into that of the base.
  ///
  /// @param adapted float64, overwritten
  /// @throws UserException if the adapter replaced what was there
  public void remove(String tensor, Tensor adapted) {
    for (AdapterPart part : byTensor.getOrDefault(tensor, List.of())) {
      if (!(part instanceof LowRank low) || low.dora()) {
        throw new UserException(
            "Adapter %s cannot be taken out of '%s': %s; keep the base model instead."
                .formatted(
                    adapter.path(),
                    tensor,
                    part instanceof LowRank
                        ? "the merged weight no longer tells the norms that DoRA divided by"
                        : "it replaced what was there"));
      }
      try (Scope scope = Scope.open()) {
        applyLowRank(low, tensor, adapted, -1);
      }
    }
  }

  private void applyLowRank(LowRank low, String tensor, Tensor base, double sign) {
    if (tensor.endsWith(".bias")) {
      base.addInPlace(read(low.bias()), sign * low.scale());
      return;
    }
    Tensor weight = low.embedding() ? base.t() : base; // [out, in]
    weight.addmmInPlace(read(low.b()), read(low.a()), sign * low.scale());
    if (low.dora()) {
      Tensor norms = weight.mul(weight).sum(1, true).sqrt();
      weight.mulInPlace(read(low.magnitude()).view(low.out(), 1).div(norms));
    }
  }

  private Tensor read(String key) {
    return Tensors.copyOf(adapter.tensor(key)).to(DType.F64);
  }
}
