package dev.fettle.finetune;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.AffineIntegerLinear;
import dev.fettle.model.CausalLm;
import dev.fettle.model.FakeQuantization;
import dev.fettle.model.InputQuantization;
import dev.fettle.model.Linear;
import dev.fettle.model.LoraPair;
import dev.fettle.model.Parameter;
import dev.fettle.model.Weight;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// A model whose linear layers are rounded while they are trained, and what happens to the rounding
/// as the run goes on.
final class QuantizationAware implements Phases, AutoCloseable {
  private final CausalLm model;
  private final QatOptions options;
  private final Map<String, DType> storedDTypes;
  private final SequencedMap<String, FakeQuantization> layers = new LinkedHashMap<>();
  private final SequencedMap<String, Tensor> state = new LinkedHashMap<>();
  private final List<Parameter> learned = new ArrayList<>();
  private final Scope scope = Scope.detached();
  private boolean frozen;

  /// Takes the place of the linear layers' weights.
  ///
  /// @param model trainable, or with an adapter attached
  /// @param source the folder the model came from
  /// @throws UserException if a layer does not fit the scheme
  QuantizationAware(CausalLm model, Checkpoint source, QatOptions options) {
    this.model = model;
    this.options = options;
    this.storedDTypes = new HashMap<>();
    source.infos().values().forEach(info -> storedDTypes.put(info.name(), info.dtype()));
    try (Scope.Entered entered = scope.enter()) {
      for (Linear linear : model.linears().values()) {
        if (!options.skips(linear.path())) {
          attach(linear);
        }
      }
    }
    if (layers.isEmpty()) {
      throw new UserException("--skip-modules leaves no layer to quantize.");
    }
  }

  private void attach(Linear linear) {
    String path = linear.path();
    DType dtype = storedDType(path + ".weight");
    ActivationQuantization activations = options.activations();
    InputQuantization input =
        activations == null ? null : new InputQuantization(activations, dtype);
    FakeQuantization observed =
        new FakeQuantization(path, source(linear), options.scheme(), dtype, null, input);
    FakeQuantization layer = observed;
    if (options.learnedRanges()) {
      Parameter halves = halfRanges(observed);
      learned.add(halves);
      layer = new FakeQuantization(path, source(linear), options.scheme(), dtype, halves, input);
    }
    try (Arena arena = Arena.ofShared()) {
      layer.quantize(arena); // says at once what the scheme cannot take
    }
    layers.put(path, layer);
    linear.weight(new Weight.FakeQuantized(layer));
    if (options.freezeStep() > 0) {
      state.put("qat." + path + ".ranges", Tensors.zeros(DType.F32, observed.ranges().length));
    }
    if (input != null && !input.scheme().dynamic()) {
      Tensor range = Tensors.empty(DType.F32, 2);
      range.hostView().data().set(HostTensor.F32_LAYOUT, 0, Float.NaN);
      range.hostView().data().set(HostTensor.F32_LAYOUT, 4, Float.NaN);
      state.put("qat." + path + ".input", range);
    }
  }

  private static FakeQuantization.Source source(Linear linear) {
    LoraPair pair = linear.lora();
    return switch (linear.weight()) {
      case Weight.Trained trained -> new FakeQuantization.Source.Trained(trained.parameter());
      case Weight.Dense dense ->
          pair == null
              ? new FakeQuantization.Source.Frozen(dense.value())
              : new FakeQuantization.Source.Adapted(dense.value(), pair);
      case Weight.Quantized quantized -> throw quantizedBase(linear);
      case Weight.IntegerProduct integers -> throw quantizedBase(linear);
      case Weight.FakeQuantized fake ->
          throw new IllegalStateException(linear.path() + " is rounded already");
    };
  }

  private static UserException quantizedBase(Linear linear) {
    return new UserException(
        "Layer %s is quantized already; quantization-aware training starts from floating-point weights."
            .formatted(linear.path()));
  }

  /// Half the width of each range as round to nearest takes it from the weight.
  private Parameter halfRanges(FakeQuantization layer) {
    float[] ranges = layer.ranges();
    int count = ranges.length / 2;
    float[] halves = new float[count];
    for (int i = 0; i < count; i++) {
      halves[i] = Math.max(Math.abs(ranges[i]), Math.abs(ranges[count + i]));
    }
    // a vector: weight decay would shrink ranges for no reason
    return new Parameter(layer.path() + ".weight_range", Tensors.of(halves, halves.length));
  }

  private DType storedDType(String name) {
    DType dtype = storedDTypes.get(name);
    if (dtype == null) {
      throw new IllegalStateException("the checkpoint has no tensor " + name);
    }
    return dtype;
  }

  /// Ranges that are trained.
  List<Parameter> learnedRanges() {
    return learned;
  }

  QatOptions options() {
    return options;
  }

  /// What a checkpoint must hold beside the parameters.
  @Override
  public SequencedMap<String, Tensor> state() {
    layers.forEach((path, layer) -> {
      Tensor range = state.get("qat." + path + ".input");
      InputQuantization input = layer.input();
      if (range != null && input != null) {
        try (Scope local = Scope.open()) {
          range.copyInPlace(Tensors.of(input.range(), 2));
        }
      }
    });
    return state;
  }

  /// Takes up what {@link #state} held when `step` steps were done.
  @Override
  public void restored(int step) {
    layers.forEach((path, layer) -> {
      Tensor range = state.get("qat." + path + ".input");
      InputQuantization input = layer.input();
      if (range != null && input != null) {
        float[] kept = range.toFloats();
        input.range(kept);
      }
    });
    if (options.freezeStep() > 0 && step > options.freezeStep()) {
      freeze(false);
    }
  }

  @Override
  public void beforeStep(int step) {
    boolean rounding = step >= options.startStep();
    layers.values().forEach(layer -> layer.enabled(rounding));
    if (options.freezeStep() > 0 && step >= options.freezeStep() && !frozen) {
      freeze(true);
    }
  }

  /// @param now whether the ranges are those of the weights now, or were restored
  private void freeze(boolean now) {
    frozen = true;
    layers.forEach((path, layer) -> {
      Tensor kept = state.get("qat." + path + ".ranges");
      if (kept == null) {
        throw new IllegalStateException("no room for the ranges of " + path);
      }
      if (now) {
        try (Scope local = Scope.open()) {
          float[] ranges = layer.ranges();
          kept.copyInPlace(Tensors.of(ranges, ranges.length));
        }
      }
      layer.freeze(kept.toFloats());
      InputQuantization input = layer.input();
      if (input != null) {
        input.freeze(true);
      }
    });
  }

  /// While it is open, the model computes exactly as the shipped one will: packed weights, integer
  /// products where activations are quantized, and everything else rounded to the dtype it is
  /// stored in.
  @Override
  public AutoCloseable evaluating() {
    Arena arena = Arena.ofShared();
    layers.forEach((path, layer) -> {
      model.linear(path).weight(shipped(layer, layer.quantize(arena)));
      model.linear(path).loraEnabled(false); // it is in the shipped weight already
    });
    model.baseParameters().forEach(p -> p.storedAs(storedDType(p.name())));
    return () -> {
      layers.forEach((path, layer) -> {
        model.linear(path).weight(new Weight.FakeQuantized(layer));
        model.linear(path).loraEnabled(true);
      });
      model.baseParameters().forEach(p -> p.storedAs(null));
      arena.close();
    };
  }

  private static Weight shipped(FakeQuantization layer, QuantizedTensor weight) {
    InputQuantization input = layer.input();
    if (input == null) {
      return new Weight.Quantized(weight);
    }
    boolean dynamic = input.scheme().dynamic();
    return new Weight.IntegerProduct(
        weight,
        new AffineIntegerLinear(
            layer.path(),
            (AffineTensor) weight,
            input.scheme().scheme().grid(),
            dynamic ? null : input.parameters()));
  }

  /// The weight of a layer as it is shipped.
  QuantizedTensor quantize(String path, SegmentAllocator allocator) {
    return layer(path).quantize(allocator);
  }

  /// The weight of a layer before rounding, on the host.
  HostTensor unrounded(String path, SegmentAllocator allocator) {
    try (Scope local = Scope.open()) {
      HostTensor weight = layer(path).stored().hostView();
      HostTensor copy =
          new HostTensor(weight.dtype(), weight.shape(), allocator.allocate(weight.byteSize(), 64));
      copy.data().copyFrom(weight.data());
      return copy;
    }
  }

  boolean covers(String path) {
    return layers.containsKey(path);
  }

  private FakeQuantization layer(String path) {
    FakeQuantization layer = layers.get(path);
    if (layer == null) {
      throw new IllegalArgumentException(path + " is not rounded");
    }
    return layer;
  }

  /// Calibrated parameters of static activations, by layer.
  Map<String, AffineParameters> inputParameters() {
    Map<String, AffineParameters> parameters = new HashMap<>();
    layers.forEach((path, layer) -> {
      InputQuantization input = layer.input();
      if (input != null && !input.scheme().dynamic()) {
        parameters.put(path, input.parameters());
      }
    });
    return parameters;
  }

  @Override
  public void close() {
    scope.close();
  }
}
