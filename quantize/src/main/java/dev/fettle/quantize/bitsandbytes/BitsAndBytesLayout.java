package dev.fettle.quantize.bitsandbytes;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.quantize.Absmax;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.CodebookTensor;
import dev.fettle.quantize.Float8Tensor;
import dev.fettle.quantize.FourBitCode;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.LlmInt8Tensor;
import dev.fettle.quantize.Mxfp4Tensor;
import dev.fettle.quantize.Nvfp4Tensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tensors bitsandbytes writes for one quantized weight `W` (such as `….q_proj.weight`).
///
/// ```
/// NF4    W                                U8  [ceil(n/2), 1]
///        W.absmax                         F32 [blocks], with double quantization U8 [blocks]
///        W.quant_map                      F32 [16]
///        W.nested_absmax                  F32 [ceil(blocks/256)]    double quantization only
///        W.nested_quant_map               F32 [256]                 double quantization only
///        W.quant_state.bitsandbytes__nf4  U8  UTF-8 JSON, see QuantState
/// int8   W                                I8  [out, in]
///        SCB, weight_format               F32 [out], U8 [] = 0, named after the module, not W
/// ```
///
/// Source: bitsandbytes 0.50, `functional.py` (QuantState.as_dict) and `nn/modules.py`.
public final class BitsAndBytesLayout {
  private static final String ABSMAX = ".absmax";
  private static final String QUANT_MAP = ".quant_map";
  private static final String NESTED_ABSMAX = ".nested_absmax";
  private static final String NESTED_QUANT_MAP = ".nested_quant_map";
  private static final int NESTED_BLOCK_SIZE = 256;

  private BitsAndBytesLayout() {}

  /// The tensors to write for a quantized weight, in the order of [#plan]; views, not copies.
  public static SequencedMap<String, HostTensor> tensors(
      String weightName, QuantizedTensor quantized) {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    switch (quantized) {
      case CodebookTensor codebook -> putFourBit(weightName, codebook, tensors);
      case LlmInt8Tensor int8 -> {
        String module = QuantizedWeights.module(weightName);
        tensors.put(weightName, new HostTensor(DType.I8, int8.shape(), int8.codes()));
        tensors.put(
            module + ".SCB",
            new HostTensor(DType.F32, Shape.of(int8.shape().dim(0)), int8.absmax()));
        tensors.put(module + ".weight_format", HostTensor.of(new byte[1], DType.U8));
      }
      case AffineTensor affine -> throw foreign(affine.scheme());
      case Float8Tensor float8 -> throw foreign(float8.scheme());
      case GgmlTensor ggml -> throw foreign(ggml.scheme());
      case Mxfp4Tensor mxfp4 -> throw foreign(mxfp4.scheme());
      case Nvfp4Tensor nvfp4 -> throw foreign(nvfp4.scheme());
    }
    return tensors;
  }

  private static void putFourBit(
      String weight, CodebookTensor codebook, SequencedMap<String, HostTensor> tensors) {
    MemorySegment packed = codebook.packed();
    tensors.put(weight, new HostTensor(DType.U8, Shape.of(packed.byteSize(), 1), packed));
    long blocks = codebook.absmax().blocks();
    HostTensor quantMap = HostTensor.of(codebook.code().levels(), 16);
    switch (codebook.absmax()) {
      case Absmax.Plain plain -> {
        tensors.put(weight + ABSMAX, new HostTensor(DType.F32, Shape.of(blocks), plain.values()));
        tensors.put(weight + QUANT_MAP, quantMap);
      }
      case Absmax.Nested nested -> {
        tensors.put(weight + ABSMAX, new HostTensor(DType.U8, Shape.of(blocks), nested.codes()));
        tensors.put(weight + QUANT_MAP, quantMap);
        Shape nestedShape = Shape.of(nested.absmax().byteSize() / 4);
        tensors.put(
            weight + NESTED_ABSMAX, new HostTensor(DType.F32, nestedShape, nested.absmax()));
        tensors.put(
            weight + NESTED_QUANT_MAP, new HostTensor(DType.F32, Shape.of(256), nested.map()));
      }
    }
    byte[] state = QuantState.of(codebook).toJson();
    tensors.put(weight + state(codebook.code()), HostTensor.of(state, DType.U8, state.length));
  }

  /// What [#tensors] will hold for a weight of this shape and dtype, before it is quantized.
  public static List<TensorInfo> plan(
      String weightName, Shape shape, DType originalDtype, Scheme scheme) {
    List<TensorInfo> plan = new ArrayList<>();
    switch (scheme) {
      case Scheme.Codebook codebook -> {
        long n = shape.elements();
        long blocks = (n + codebook.blockSize() - 1) / codebook.blockSize();
        boolean nested = codebook.doubleQuant();
        plan.add(new TensorInfo(weightName, DType.U8, Shape.of((n + 1) / 2, 1)));
        plan.add(
            new TensorInfo(weightName + ABSMAX, nested ? DType.U8 : DType.F32, Shape.of(blocks)));
        plan.add(new TensorInfo(weightName + QUANT_MAP, DType.F32, Shape.of(16)));
        if (nested) {
          long outer = (blocks + NESTED_BLOCK_SIZE - 1) / NESTED_BLOCK_SIZE;
          plan.add(new TensorInfo(weightName + NESTED_ABSMAX, DType.F32, Shape.of(outer)));
          plan.add(new TensorInfo(weightName + NESTED_QUANT_MAP, DType.F32, Shape.of(256)));
        }
        long length = QuantState.plannedLength(codebook, originalDtype, shape);
        plan.add(
            new TensorInfo(
                weightName + state(FourBitCode.of(codebook)), DType.U8, Shape.of(length)));
      }
      case Scheme.LlmInt8 int8 -> {
        String module = QuantizedWeights.module(weightName);
        plan.add(new TensorInfo(weightName, DType.I8, shape));
        plan.add(new TensorInfo(module + ".SCB", DType.F32, Shape.of(shape.dim(0))));
        plan.add(new TensorInfo(module + ".weight_format", DType.U8, Shape.of()));
      }
      case Scheme.Affine affine -> throw foreign(scheme);
      case Scheme.Float8 float8 -> throw foreign(scheme);
      case Scheme.Mxfp4 mxfp4 -> throw foreign(scheme);
      case Scheme.Nvfp4 nvfp4 -> throw foreign(scheme);
      case Scheme.Ggml ggml -> throw foreign(scheme);
      case Scheme.Cast cast -> throw foreign(scheme);
    }
    return plan;
  }

  /// Suffix of the tensor that holds the JSON.
  private static String state(FourBitCode code) {
    return ".quant_state.bitsandbytes__" + code.text();
  }

  private static IllegalArgumentException foreign(Scheme scheme) {
    return new IllegalArgumentException("bitsandbytes has no layout for " + scheme);
  }

  /// Whether this weight is stored quantized.
  public static boolean isQuantized(TensorSource source, String weightName) {
    SequencedMap<String, TensorInfo> infos = source.infos();
    return infos.containsKey(weightName + state(FourBitCode.NF4))
        || infos.containsKey(weightName + state(FourBitCode.FP4))
        || (weightName.endsWith(".weight")
            && infos.containsKey(QuantizedWeights.module(weightName) + ".SCB"));
  }

  /// The names of the tensors that belong to this quantized weight, the weight itself included.
  public static List<String> parts(TensorSource source, String weightName) {
    String module = QuantizedWeights.module(weightName);
    return source.infos().keySet().stream()
        .filter(name ->
            name.equals(weightName)
                || name.startsWith(weightName + ".")
                || name.equals(module + ".SCB")
                || name.equals(module + ".weight_format"))
        .toList();
  }

  /// The weight as views of the source; no data is copied.
  ///
  /// @throws UserException if a tensor is missing, or has another dtype, shape or meaning than
  ///   bitsandbytes gives it
  public static QuantizedTensor read(TensorSource source, String weightName) {
    SequencedMap<String, TensorInfo> infos = source.infos();
    for (FourBitCode code : FourBitCode.values()) {
      if (infos.containsKey(weightName + state(code))) {
        return readFourBit(source, weightName, code);
      }
    }
    return readInt8(source, weightName);
  }

  private static CodebookTensor readFourBit(TensorSource source, String weight, FourBitCode code) {
    QuantState state = QuantState.parse(source.tensor(weight + state(code)), weight, code);
    long n = state.shape().elements();
    long blocks = (n + state.blockSize() - 1) / state.blockSize();
    // bnb_4bit_quant_storage may show the same bytes as a wider dtype
    HostTensor packed = source.tensor(weight);
    if (packed.byteSize() != (n + 1) / 2) {
      throw new UserException(
          "Tensor '%s' of shape %s packs into %d bytes as %s, found %d."
              .formatted(weight, state.shape(), (n + 1) / 2, code, packed.byteSize()));
    }
    HostTensor quantMap = demand(source, weight + QUANT_MAP, DType.F32, Shape.of(16));
    if (quantMap.data().mismatch(MemorySegment.ofArray(code.levels())) >= 0) {
      throw new UserException(
          "Tensor '" + weight + QUANT_MAP + "' does not hold the sixteen levels of " + code + ".");
    }
    QuantState.@Nullable Nested nested = state.nested();
    Absmax absmax;
    if (nested == null) {
      absmax =
          new Absmax.Plain(demand(source, weight + ABSMAX, DType.F32, Shape.of(blocks)).data());
    } else {
      long outer = (blocks + nested.blockSize() - 1) / nested.blockSize();
      absmax =
          new Absmax.Nested(
              demand(source, weight + ABSMAX, DType.U8, Shape.of(blocks)).data(),
              demand(source, weight + NESTED_ABSMAX, DType.F32, Shape.of(outer)).data(),
              demand(source, weight + NESTED_QUANT_MAP, DType.F32, Shape.of(256)).data(),
              nested.blockSize(),
              nested.offset());
    }
    return new CodebookTensor(
        state.shape(), state.dtype(), code, state.blockSize(), packed.data(), absmax);
  }

  private static LlmInt8Tensor readInt8(TensorSource source, String weight) {
    HostTensor codes = source.tensor(weight);
    Shape shape = codes.shape();
    if (codes.dtype() != DType.I8 || shape.rank() != 2) {
      throw new UserException(
          "Tensor '%s' is %s %s; an int8 weight is I8 [out, in]."
              .formatted(weight, codes.dtype(), shape));
    }
    String module = QuantizedWeights.module(weight);
    if (source.infos().containsKey(module + ".weight_format")) {
      HostTensor format = source.tensor(module + ".weight_format");
      if (format.byteSize() != 1
          || format.data().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0) != 0) {
        throw new UserException(
            "Tensor '" + module + ".weight_format' is not 0; only the row layout is supported.");
      }
    }
    HostTensor scales = demand(source, module + ".SCB", DType.F32, Shape.of(shape.dim(0)));
    for (float scale : scales.toFloats()) {
      if (!Float.isFinite(scale)) {
        throw new UserException("Tensor '" + module + ".SCB' has the scale " + scale + ".");
      }
    }
    return new LlmInt8Tensor(shape, DType.F16, codes.data(), scales.data());
  }

  private static HostTensor demand(TensorSource source, String name, DType dtype, Shape shape) {
    HostTensor tensor = source.tensor(name);
    if (tensor.dtype() != dtype || !tensor.shape().equals(shape)) {
      throw new UserException(
          "Tensor '%s' is %s %s; bitsandbytes has %s %s here."
              .formatted(name, tensor.dtype(), tensor.shape(), dtype, shape));
    }
    return tensor;
  }

  /// The `quantization_config` of `config.json`, with the keys transformers writes.
  ///
  /// @param computeDtype dtype of the matrix products, as `bnb_4bit_compute_dtype`
  /// @param skipModules modules left unquantized, or empty for the default choice
  public static ObjectNode quantizationConfig(
      Scheme scheme, DType computeDtype, List<String> skipModules) {
    boolean fourBit = scheme instanceof Scheme.Codebook;
    boolean nested = scheme instanceof Scheme.Codebook codebook && codebook.doubleQuant();
    ObjectNode config = Json.object();
    config.put("quant_method", "bitsandbytes");
    config.put("load_in_4bit", fourBit);
    config.put("load_in_8bit", !fourBit);
    config.put("_load_in_4bit", fourBit);
    config.put("_load_in_8bit", !fourBit);
    config.put("bnb_4bit_quant_type", scheme instanceof Scheme.Nf4 ? "nf4" : "fp4");
    config.put("bnb_4bit_use_double_quant", nested);
    config.put("bnb_4bit_compute_dtype", computeDtype.torchName());
    config.put("bnb_4bit_quant_storage", "uint8");
    config.put("llm_int8_threshold", 6.0);
    if (skipModules.isEmpty()) {
      config.putNull("llm_int8_skip_modules");
    } else {
      // a list replaces transformers' own choice, so it has to name the output head as well
      ArrayNode skip = config.putArray("llm_int8_skip_modules");
      skipModules.forEach(skip::add);
      skip.add("lm_head");
    }
    config.put("llm_int8_enable_fp32_cpu_offload", false);
    config.put("llm_int8_has_fp16_weight", false);
    return config;
  }

  /// As above with the default choice of modules.
  public static ObjectNode quantizationConfig(Scheme scheme, DType computeDtype) {
    return quantizationConfig(scheme, computeDtype, List.of());
  }
}
