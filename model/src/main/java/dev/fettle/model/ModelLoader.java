package dev.fettle.model;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.Gate;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.CodebookTensor;
import dev.fettle.quantize.Float8Tensor;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.LlmInt8Tensor;
import dev.fettle.quantize.Mxfp4Tensor;
import dev.fettle.quantize.Nvfp4Tensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MappedPages;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Assembles a {@link CausalLm} from a checkpoint, tensor by tensor.
final class ModelLoader {
  private final Checkpoint checkpoint;
  private final LoadOptions options;
  private final ModelConfig config;
  private final DType compute;
  private final Scratch scratch;
  private final QuantizedWeights packedWeights;
  private final Scope weights = Scope.detached();
  private final Arena packed = Arena.ofShared();
  private final List<Parameter> parameters = new ArrayList<>();
  private final SequencedMap<String, Linear> linears = new LinkedHashMap<>();

  private ModelLoader(Checkpoint checkpoint, LoadOptions options) {
    this.checkpoint = checkpoint;
    this.options = options;
    this.config = checkpoint.config();
    this.compute = ComputeDType.choose(checkpoint, options.computeDtype());
    this.packedWeights = QuantizedWeights.of(checkpoint);
    this.scratch = new Scratch(compute);
  }

  /// Takes the checkpoint over: the model closes it.
  static CausalLm load(Checkpoint checkpoint, LoadOptions options) {
    @Nullable ModelLoader loader = null;
    boolean done = false;
    try {
      loader = new ModelLoader(checkpoint, options);
      CausalLm model = loader.assemble();
      done = true;
      return model;
    } finally {
      if (!done) {
        if (loader != null) {
          loader.scratch.close();
          loader.weights.close();
          loader.packed.close();
        }
        checkpoint.close();
      }
    }
  }

  /// One block with its own weights; the caller keeps the checkpoint and the rotary tables.
  static LoadedBlock loadBlock(Checkpoint checkpoint, LoadOptions options, int layer, Rope rope) {
    ModelLoader loader = new ModelLoader(checkpoint, options);
    boolean done = false;
    try (Scope.Entered entered = loader.weights.enter()) {
      String prefix = "model.layers." + layer + ".";
      for (LinearModule module : Architecture.of(loader.config).linears()) {
        if (module.name().startsWith(prefix)) {
          loader.linears.put(module.name(), loader.linear(module));
        }
      }
      LoadedBlock block =
          new LoadedBlock(
              layer,
              loader.block(layer, rope),
              loader.linears,
              List.of(loader.packed, loader.weights, loader.scratch));
      done = true;
      return block;
    } finally {
      if (!done) {
        loader.scratch.close();
        loader.weights.close();
        loader.packed.close();
      }
    }
  }

  /// The embedding by itself, in the scope `weights`, which is the current one.
  static Embedding embedding(Checkpoint checkpoint, LoadOptions options, Scope weights) {
    ModelLoader loader = new ModelLoader(checkpoint, options);
    loader.packed.close();
    try {
      Weight table = loader.table(Architecture.EMBEDDING);
      if (table instanceof Weight.Dense dense) {
        weights.adopt(dense.value());
      }
      return new Embedding(table, loader.compute, loader.embeddingScale());
    } finally {
      loader.scratch.close();
      loader.weights.close();
    }
  }

  /// Whether the checkpoint holds what its configuration demands.
  static void check(Checkpoint checkpoint) {
    Architecture.of(checkpoint.config())
        .check(
            checkpoint, QuantizedWeights.of(checkpoint)::isQuantized, checkpoint.path().toString());
  }

  private CausalLm assemble() {
    Architecture architecture = Architecture.of(config);
    check(checkpoint);
    try (Scope.Entered entered = weights.enter()) {
      Rope rope = new Rope(config);
      Weight embedding = table(Architecture.EMBEDDING);
      for (LinearModule module : architecture.linears()) {
        linears.put(module.name(), linear(module));
      }
      List<DecoderBlock> blocks = new ArrayList<>();
      for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
        blocks.add(block(layer, rope));
      }
      RmsNorm finalNorm = norm(Architecture.FINAL_NORM);
      Weight head = config.tieWordEmbeddings() ? embedding : table(Architecture.OUTPUT_HEAD);
      return new CausalLm(
          new CausalLm.Parts(
              config,
              compute,
              new Embedding(embedding, compute, embeddingScale()),
              blocks,
              finalNorm,
              new LanguageHead(
                  head,
                  scratch,
                  1 / config.multipliers().logitsScaling(),
                  config.softCaps().logits()),
              linears,
              parameters,
              List.of(checkpoint, packed, weights, scratch, rope)));
    }
  }

  private DecoderBlock block(int layer, Rope rope) {
    String prefix = "model.layers." + layer + ".";
    BlockNorms norms = BlockNorms.load(config.norms(), module -> norm(prefix + module + ".weight"));
    Attention attention =
        new Attention(
            layer,
            config,
            rope,
            queriesKeysValues(prefix + "self_attn."),
            norms.query(),
            norms.key(),
            linearAt(prefix + "self_attn.o_proj"));
    GatedMlp mlp =
        new GatedMlp(gateAndUp(prefix + "mlp."), linearAt(prefix + "mlp.down_proj"), gate());
    return new DecoderBlock(norms, attention, mlp, config.multipliers().residual());
  }

  private Projections queriesKeysValues(String prefix) {
    if (!config.fusedProjections()) {
      return new Projections.Separate(
          List.of(
              linearAt(prefix + "q_proj"),
              linearAt(prefix + "k_proj"),
              linearAt(prefix + "v_proj")));
    }
    int queries = config.numAttentionHeads() * config.headDim();
    int keys = config.numKeyValueHeads() * config.headDim();
    return new Projections.Fused(linearAt(prefix + "qkv_proj"), List.of(queries, keys, keys));
  }

  private Projections gateAndUp(String prefix) {
    int inner = config.intermediateSize();
    return config.fusedProjections()
        ? new Projections.Fused(linearAt(prefix + "gate_up_proj"), List.of(inner, inner))
        : new Projections.Separate(
            List.of(linearAt(prefix + "gate_proj"), linearAt(prefix + "up_proj")));
  }

  private Gate gate() {
    return switch (config.activation()) {
      case SILU -> Gate.SILU;
      case GELU_TANH -> Gate.GELU_TANH;
      case GELU -> Gate.GELU;
    };
  }

  /// Gemma's factor is a tensor in transformers, which has the dtype of the weights; Granite's is a
  /// number.
  private double embeddingScale() {
    double scale = config.multipliers().embedding();
    if (!config.norms().onePlusWeight()) {
      return scale;
    }
    float single = (float) scale;
    return compute == DType.BF16 ? Casts.bf16ToFloat(Casts.floatToBf16(single)) : single;
  }

  private Linear linearAt(String path) {
    Linear linear = linears.get(path);
    if (linear == null) {
      throw new IllegalStateException("the architecture has no linear layer " + path);
    }
    return linear;
  }

  private Linear linear(LinearModule module) {
    Linear.Bias bias = null;
    if (module.bias()) {
      bias =
          options.trainable()
              ? new Linear.Bias.Trained(parameter(module.biasName()))
              : new Linear.Bias.Frozen(dense(module.biasName()));
    }
    return new Linear(module.name(), linearWeight(module), bias, scratch);
  }

  private Weight linearWeight(LinearModule module) {
    String name = module.weightName();
    Scheme scheme = options.quantizeOnLoad();
    if (packedWeights.isQuantized(name)) {
      requireFrozen(name);
      return packed(module, packedWeights.read(module));
    }
    return scheme == null ? plainWeight(name) : quantized(module, scheme);
  }

  private Weight quantized(LinearModule module, Scheme scheme) {
    String name = module.weightName();
    HostTensor stored = checkpoint.tensor(name);
    QuantizedTensor value = Quantizer.quantize(name, stored, scheme, packed);
    MappedPages.release(stored.data());
    return packed(module, value);
  }

  /// Integers are multiplied where the format or the folder says how the layer's input is rounded;
  /// otherwise the weight is dequantized when it is used.
  private Weight packed(LinearModule module, QuantizedTensor value) {
    return switch (value) {
      case LlmInt8Tensor weight ->
          new Weight.IntegerProduct(
              weight, new LlmInt8Linear(module.name(), weight, outlierThreshold()));
      case AffineTensor weight -> affine(module, weight);
      case CodebookTensor weight -> new Weight.Quantized(weight);
      case Float8Tensor weight -> new Weight.Quantized(weight);
      case Mxfp4Tensor weight -> new Weight.Quantized(weight);
      case Nvfp4Tensor weight -> new Weight.Quantized(weight);
      case GgmlTensor weight -> new Weight.Quantized(weight);
    };
  }

  private Weight affine(LinearModule module, AffineTensor weight) {
    @Nullable ActivationQuantization activations = packedWeights.activations(module);
    if (activations == null) {
      return new Weight.Quantized(weight);
    }
    return new Weight.IntegerProduct(
        weight,
        new AffineIntegerLinear(
            module.name(),
            weight,
            activations.scheme().grid(),
            activations.dynamic() ? null : packedWeights.inputParameters(module)));
  }

  private float outlierThreshold() {
    ObjectNode config = checkpoint.quantizationConfig();
    return config != null && config.get("llm_int8_threshold") instanceof JsonNode number
        ? number.floatValue()
        : LlmInt8Linear.DEFAULT_THRESHOLD;
  }

  private void requireFrozen(String name) {
    if (options.trainable()) {
      throw new UserException(
          "Model %s is quantized ('%s' is packed), so its weights cannot all be trained; use LoRA, or start from the unquantized model."
              .formatted(checkpoint.path(), name));
    }
  }

  /// An embedding or an output head; GGUF files pack these too.
  private Weight table(String name) {
    if (!packedWeights.isQuantized(name)) {
      return plainWeight(name);
    }
    requireFrozen(name);
    return new Weight.Quantized(
        packedWeights.read(name, Shape.of(config.vocabSize(), config.hiddenSize())));
  }

  private Weight plainWeight(String name) {
    return options.trainable()
        ? new Weight.Trained(parameter(name))
        : new Weight.Dense(dense(name));
  }

  private RmsNorm norm(String name) {
    return new RmsNorm(
        options.trainable()
            ? new RmsNorm.Gain.Trained(parameter(name))
            : new RmsNorm.Gain.Frozen(dense(name)),
        config.norms().eps(),
        config.norms().onePlusWeight());
  }

  /// A weight in the compute dtype: the mapped file itself where it has that dtype, else a
  /// converted copy.
  private Tensor dense(String name) {
    HostTensor stored = floats(name);
    if (stored.dtype() == compute && stored.data().isNative() && isAligned(stored)) {
      return Tensors.viewOf(stored);
    }
    try (Scope scope = Scope.open()) {
      Tensor copy = weights.adopt(Tensors.copyOf(stored).to(compute));
      MappedPages.release(stored.data());
      return copy;
    }
  }

  private static boolean isAligned(HostTensor tensor) {
    return tensor.data().address() % tensor.dtype().bytes() == 0;
  }

  private Parameter parameter(String name) {
    HostTensor stored = floats(name);
    Tensor value = Tensors.empty(DType.F32, stored.shape().toArray());
    Casts.toFloat(stored, value.segment());
    MappedPages.release(stored.data());
    Parameter parameter = new Parameter(name, value);
    parameters.add(parameter);
    return parameter;
  }

  private HostTensor floats(String name) {
    HostTensor stored = checkpoint.tensor(name);
    return switch (stored.dtype()) {
      case F32, F16, BF16 -> stored;
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new UserException(
              "Tensor '%s' in %s has dtype %s; expected F32, F16 or BF16."
                  .formatted(name, checkpoint.path(), stored.dtype()));
    };
  }
}
