package dev.fettle.quantize.compressedtensors;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Float8Format;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.tensor.UserException;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// compressed-tensors' `QuantizationArgs` for a scheme, and back.
final class WeightArguments {
  private WeightArguments() {}

  /// Whether compressed-tensors calls it symmetric: no zero points are stored.
  static boolean symmetric(Scheme.Affine scheme) {
    return !AffineTensor.hasZeroPoints(scheme);
  }

  static ObjectNode json(CompressedTensorsConfig.Group group) {
    ObjectNode json = json(group.weights());
    return group.groupIndex() ? json.put("actorder", "group") : json;
  }

  /// Whether columns are in groups by activation: then each layer says which is in which.
  static boolean groupIndex(JsonNode json) {
    JsonNode actorder = json.path("actorder");
    String name = actorder.asString("").toLowerCase(Locale.ROOT);
    return actorder.asBoolean(false) || name.equals("group") || name.equals("dynamic");
  }

  private static ObjectNode json(Scheme scheme) {
    return switch (scheme) {
      case Scheme.Affine affine ->
          json("int", affine.bits(), symmetric(affine), affine.granularity(), false);
      case Scheme.Float8 float8 -> json("float", 8, true, float8.granularity(), false);
      case Scheme.Mxfp4 mxfp4 ->
          scaled(
              json("float", 4, true, new Granularity.PerGroup(Scheme.Mxfp4.BLOCK_SIZE), false),
              "torch.uint8");
      case Scheme.Nvfp4 nvfp4 -> {
        ObjectNode json =
            json("float", 4, true, new Granularity.PerGroup(Scheme.Nvfp4.BLOCK_SIZE), false);
        json.put("strategy", "tensor_group");
        yield scaled(json, "torch.float8_e4m3fn");
      }
      case Scheme.Nf4 nf4 -> throw new IllegalArgumentException(nf4.toString());
      case Scheme.Fp4 fp4 -> throw new IllegalArgumentException(fp4.toString());
      case Scheme.LlmInt8 int8 -> throw new IllegalArgumentException(int8.toString());
      case Scheme.Ggml ggml -> throw new IllegalArgumentException(ggml.toString());
      case Scheme.Cast cast -> throw new IllegalArgumentException(cast.toString());
    };
  }

  static ObjectNode json(ActivationQuantization activations) {
    Scheme.Affine scheme = activations.scheme();
    return json(
        "int", scheme.bits(), symmetric(scheme), scheme.granularity(), activations.dynamic());
  }

  private static ObjectNode scaled(ObjectNode json, String dtype) {
    return json.put("scale_dtype", dtype).put("zp_dtype", dtype);
  }

  private static ObjectNode json(
      String type, int bits, boolean symmetric, Granularity granularity, boolean dynamic) {
    ObjectNode json = Json.object();
    json.put("num_bits", bits).put("type", type).put("symmetric", symmetric);
    json.putNull("group_size");
    json.putNull("block_structure");
    switch (granularity) {
      case Granularity.PerTensor tensor -> json.put("strategy", "tensor");
      case Granularity.PerChannel channel -> json.put("strategy", "channel");
      case Granularity.PerToken token -> json.put("strategy", "token");
      case Granularity.PerGroup group ->
          json.put("strategy", "group").put("group_size", group.size());
      case Granularity.PerBlock block -> {
        json.put("strategy", "block");
        ArrayNode structure = json.putArray("block_structure");
        structure.add(block.rows()).add(block.columns());
      }
    }
    json.put("dynamic", dynamic);
    json.putNull("actorder");
    json.putNull("scale_dtype");
    if (symmetric) {
      json.putNull("zp_dtype");
    } else {
      json.put("zp_dtype", "torch.int8");
    }
    if (dynamic) {
      json.putNull("observer");
    } else {
      json.put("observer", "memoryless_minmax");
    }
    json.putObject("observer_kwargs");
    return json;
  }

  /// @throws UserException naming what is not supported
  static Scheme scheme(JsonNode json, String where) {
    if (!json.isObject()) {
      throw new UserException(where + " is missing; only quantized weights are supported.");
    }
    int bits = json.path("num_bits").asInt(8);
    boolean symmetric = json.path("symmetric").asBoolean(true);
    String type = json.path("type").asString("int").toLowerCase(Locale.ROOT);
    String strategy = strategy(json);
    if (type.equals("int")) {
      return affine(bits, symmetric, granularity(json, strategy, where), where);
    }
    int group = json.path("group_size").asInt(0);
    boolean microscaling = json.path("scale_dtype").asString("").equals("torch.uint8");
    if (bits == 8 && symmetric && !microscaling) {
      return new Scheme.Float8(Float8Format.E4M3, granularity(json, strategy, where));
    }
    if (bits == 4 && strategy.equals("tensor_group") && group == Scheme.Nvfp4.BLOCK_SIZE) {
      return new Scheme.Nvfp4();
    }
    if (bits == 4 && strategy.equals("group") && group == Scheme.Mxfp4.BLOCK_SIZE) {
      return new Scheme.Mxfp4();
    }
    throw new UserException(
        "%s is a %d-bit %s format with strategy %s, which is not supported."
            .formatted(where, bits, type, strategy));
  }

  static ActivationQuantization activations(JsonNode json, String where) {
    if (!json.path("type").asString("int").equalsIgnoreCase("int")) {
      throw new UserException(where + " is not of integers; only 8-bit integers are supported.");
    }
    boolean dynamic = json.path("dynamic").asBoolean(!json.path("dynamic").asString("").isEmpty());
    if (dynamic != strategy(json).equals("token")) {
      throw new UserException(
          where
              + " is neither found for each token while computing (strategy token, dynamic) nor fixed for the layer (strategy tensor, not dynamic); other ways are not supported.");
    }
    return new ActivationQuantization(
        affine(
            json.path("num_bits").asInt(8),
            json.path("symmetric").asBoolean(true),
            granularity(json, strategy(json), where),
            where));
  }

  private static Scheme.Affine affine(
      int bits, boolean symmetric, Granularity granularity, String where) {
    if (bits < 2 || bits > 8) {
      throw new UserException(where + " has " + bits + " bits; 2 to 8 are supported.");
    }
    return new Scheme.Affine(
        bits, true, symmetric ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC, granularity);
  }

  /// compressed-tensors infers it from the group size where it is not given.
  private static String strategy(JsonNode json) {
    String strategy = json.path("strategy").asString("").toLowerCase(Locale.ROOT);
    if (!strategy.isEmpty()) {
      return strategy;
    }
    int group = json.path("group_size").asInt(0);
    return group > 0 ? "group" : group == -1 ? "channel" : "tensor";
  }

  private static Granularity granularity(JsonNode json, String strategy, String where) {
    return switch (strategy) {
      case "tensor" -> new Granularity.PerTensor();
      case "channel" -> new Granularity.PerChannel(0);
      case "token" -> new Granularity.PerToken();
      case "group" -> new Granularity.PerGroup(positive(json.path("group_size"), where));
      case "block" -> {
        JsonNode structure = json.path("block_structure");
        String[] text = structure.asString("").split("x"); // as older versions wrote it
        yield text.length == 2
            ? new Granularity.PerBlock(positive(text[0], where), positive(text[1], where))
            : new Granularity.PerBlock(
                positive(structure.path(0), where), positive(structure.path(1), where));
      }
      default ->
          throw new UserException(where + " has the strategy " + strategy + ", which is unknown.");
    };
  }

  private static int positive(JsonNode json, String where) {
    return positive(String.valueOf(json.asInt(0)), where);
  }

  private static int positive(String text, String where) {
    if (!text.matches("[1-9][0-9]{0,8}")) {
      throw new UserException(where + " has a group or block size of " + text + ".");
    }
    return Integer.parseInt(text);
  }
}
