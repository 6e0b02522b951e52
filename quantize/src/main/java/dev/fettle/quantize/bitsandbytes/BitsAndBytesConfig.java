package dev.fettle.quantize.bitsandbytes;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// transformers' `BitsAndBytesConfig` as its `to_json_file`, `to_dict` and `to_diff_dict` write it.
///
/// @param scheme NF4, FP4 (blocks of 64) or LLM.int8
/// @param computeDtype of 4-bit layers; null for 8 bits, which have none. float16 is bfloat16 here,
///   as everywhere in Fettle.
/// @param storage `bnb_4bit_quant_storage`: how files pack the codes; says nothing about numbers
/// @param skipModules layers to leave as they are
public record BitsAndBytesConfig(
    Scheme scheme, @Nullable DType computeDtype, DType storage, List<String> skipModules) {
  /// bitsandbytes' default on every device but a few GPUs.
  private static final int BLOCK_SIZE = 64;

  private static final double THRESHOLD = 6;

  /// Layers that Fettle leaves as they are without being told.
  private static final Set<String> NEVER_QUANTIZED = Set.of("lm_head", "embed_tokens");

  private static final Set<String> KEYS =
      Set.of(
          "quant_method",
          "load_in_4bit",
          "load_in_8bit",
          "_load_in_4bit",
          "_load_in_8bit",
          "llm_int8_threshold",
          "llm_int8_skip_modules",
          "llm_int8_enable_fp32_cpu_offload",
          "llm_int8_has_fp16_weight",
          "bnb_4bit_quant_type",
          "bnb_4bit_use_double_quant",
          "bnb_4bit_compute_dtype",
          "bnb_4bit_quant_storage");

  public BitsAndBytesConfig {
    skipModules = List.copyOf(skipModules);
  }

  /// @param source where it is from, for messages
  /// @throws UserException naming the key that has another type or cannot be honoured
  public static BitsAndBytesConfig parse(ObjectNode json, String source) {
    return new Reader(json, source).read();
  }

  /// Those of [#skipModules] that would be quantized if they were not named.
  public List<String> layersToSkip() {
    return skipModules.stream()
        .filter(name -> !NEVER_QUANTIZED.contains(name.substring(name.lastIndexOf('.') + 1)))
        .toList();
  }

  private record Reader(ObjectNode json, String source) {
    BitsAndBytesConfig read() {
      String method = text("quant_method", "bitsandbytes");
      if (!bare(method).equalsIgnoreCase("bitsandbytes")
          && !bare(method).equals("BITS_AND_BYTES")) {
        throw refused("quant_method", "bitsandbytes");
      }
      for (String key : json.propertyNames()) {
        if (!KEYS.contains(key) && !isOff(json.path(key))) {
          throw new UserException(
              "%s sets %s to %s, which Fettle does not know; remove it if it is not needed."
                  .formatted(source, key, Json.compact(json.path(key))));
        }
      }
      mustBeOff("llm_int8_enable_fp32_cpu_offload");
      mustBeOff("llm_int8_has_fp16_weight");
      boolean four = flag("load_in_4bit") || flag("_load_in_4bit");
      boolean eight = flag("load_in_8bit") || flag("_load_in_8bit");
      if (four == eight) {
        throw new UserException(
            "%s sets %s load_in_4bit %s load_in_8bit; set one of them to true."
                .formatted(source, four ? "both" : "neither", four ? "and" : "nor"));
      }
      DType storage = dtype("bnb_4bit_quant_storage", DType.U8);
      return new BitsAndBytesConfig(
          four ? fourBit() : eightBit(), four ? compute() : null, storage, skipped());
    }

    private static boolean isOff(JsonNode node) {
      return node.isNull()
          || (node.isBoolean() && !node.asBoolean())
          || (node.isContainer() && node.isEmpty());
    }

    private Scheme fourBit() {
      boolean nested = flag("bnb_4bit_use_double_quant");
      return switch (text("bnb_4bit_quant_type", "fp4")) {
        case "nf4" -> new Scheme.Nf4(BLOCK_SIZE, nested);
        case "fp4" -> new Scheme.Fp4(BLOCK_SIZE, nested);
        default -> throw refused("bnb_4bit_quant_type", "nf4 or fp4");
      };
    }

    private Scheme eightBit() {
      JsonNode threshold = json.path("llm_int8_threshold");
      if (!threshold.isMissingNode()
          && !threshold.isNull()
          && !(threshold.isNumber() && threshold.asDouble() == THRESHOLD)) {
        throw refused("llm_int8_threshold", "6.0");
      }
      return new Scheme.LlmInt8();
    }

    /// float32 where nothing is said, as in transformers.
    private DType compute() {
      DType dtype = dtype("bnb_4bit_compute_dtype", DType.F32);
      return switch (dtype) {
        case F32 -> DType.F32;
        case BF16, F16 -> DType.BF16;
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw refused("bnb_4bit_compute_dtype", "float32, bfloat16 or float16");
      };
    }

    private List<String> skipped() {
      JsonNode node = json.path("llm_int8_skip_modules");
      List<String> names = new ArrayList<>();
      if (node.isMissingNode() || node.isNull()) {
        return names;
      }
      for (JsonNode name : node) {
        if (!name.isString()) {
          throw refused("llm_int8_skip_modules", "a list of module names");
        }
        names.add(name.asString());
      }
      if (!node.isArray()) {
        throw refused("llm_int8_skip_modules", "a list of module names");
      }
      return names;
    }

    private boolean flag(String key) {
      JsonNode node = json.path(key);
      if (node.isMissingNode() || node.isNull()) {
        return false;
      }
      if (!node.isBoolean()) {
        throw refused(key, "true or false");
      }
      return node.asBoolean();
    }

    private void mustBeOff(String key) {
      if (flag(key)) {
        throw refused(key, "false");
      }
    }

    private String text(String key, String absent) {
      JsonNode node = json.path(key);
      if (node.isMissingNode() || node.isNull()) {
        return absent;
      }
      if (!node.isString()) {
        throw refused(key, "a text");
      }
      return node.asString();
    }

    /// `bfloat16` or `torch.bfloat16`.
    private DType dtype(String key, DType absent) {
      String name = text(key, "");
      return name.isEmpty() ? absent : DType.parse(bare(name), source);
    }

    /// Without the name of a Python class or module in front.
    private static String bare(String name) {
      return name.substring(name.lastIndexOf('.') + 1);
    }

    private UserException refused(String key, String expected) {
      return new UserException(
          "%s sets %s to %s; Fettle takes %s."
              .formatted(source, key, Json.compact(json.path(key)), expected));
    }
  }
}
