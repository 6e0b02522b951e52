package dev.fettle.quantize.bitsandbytes;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.Absmax;
import dev.fettle.quantize.CodebookTensor;
import dev.fettle.quantize.FourBitCode;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The JSON that bitsandbytes stores as a tensor beside a 4-bit weight. Its loader rejects unknown
/// keys and ignores order and spaces.
///
/// @param code the levels
/// @param shape dimensions of the weight
/// @param dtype dtype of the weight before quantization and of the dequantized result
/// @param blockSize weights per scale
/// @param nested null without double quantization
record QuantState(
    FourBitCode code, Shape shape, DType dtype, int blockSize, @Nullable Nested nested) {
  /// @param blockSize scales per nested scale
  /// @param offset mean of the scales; a float32 printed as a double
  record Nested(int blockSize, float offset) {}

  /// Longest text of a float32 as JSON; the offset is padded to it, so that the length of the JSON
  /// is known before the weight is quantized.
  private static final int NUMBER_LENGTH = 26;

  static QuantState of(CodebookTensor tensor) {
    @Nullable Nested nested =
        switch (tensor.absmax()) {
          case Absmax.Plain plain -> null;
          case Absmax.Nested absmax -> new Nested(absmax.blockSize(), absmax.offset());
        };
    return new QuantState(
        tensor.code(), tensor.shape(), tensor.originalDtype(), tensor.blockSize(), nested);
  }

  static long plannedLength(Scheme.Codebook scheme, DType dtype, Shape shape) {
    @Nullable Nested nested = scheme.doubleQuant() ? new Nested(256, 0) : null;
    return new QuantState(FourBitCode.of(scheme), shape, dtype, scheme.blockSize(), nested)
        .toJson()
        .length;
  }

  /// UTF-8 JSON whose length depends on everything but the offset.
  byte[] toJson() {
    ObjectNode json = Json.object();
    json.put("quant_type", code.text());
    json.put("blocksize", blockSize);
    json.put("dtype", dtype.torchName());
    ArrayNode dims = json.putArray("shape");
    for (long dim : shape.toArray()) {
      dims.add(dim);
    }
    if (nested == null) {
      return Json.compact(json).getBytes(StandardCharsets.UTF_8);
    }
    json.put("nested_blocksize", nested.blockSize());
    json.put("nested_dtype", "float32");
    String text = Json.compact(json);
    String offset = Double.toString(nested.offset());
    String padding = " ".repeat(NUMBER_LENGTH - offset.length());
    String all =
        text.substring(0, text.length() - 1) + ",\"nested_offset\":" + padding + offset + "}";
    return all.getBytes(StandardCharsets.UTF_8);
  }

  /// @param weight name of the weight, for messages
  /// @throws UserException if the JSON is malformed or describes another code
  static QuantState parse(HostTensor tensor, String weight, FourBitCode code) {
    String source = "the quant_state of tensor '" + weight + "'";
    if (tensor.dtype() != DType.U8 || tensor.byteSize() > 1 << 16) {
      throw new UserException("Expected JSON in at most 65536 bytes of U8 as " + source + ".");
    }
    byte[] bytes = tensor.data().toArray(ValueLayout.JAVA_BYTE);
    ObjectNode json = Json.parse(new String(bytes, StandardCharsets.UTF_8), source);
    if (!json.path("quant_type").asString("").equals(code.text())) {
      throw new UserException(
          "Expected quant_type %s in %s, found %s.".formatted(code.text(), source, json));
    }
    int blockSize = blockSize(json, "blocksize", source);
    DType dtype = DType.parse(json.path("dtype").asString(""), source);
    if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new UserException(
          "Expected float32, float16 or bfloat16 as dtype in "
              + source
              + ", found "
              + dtype.torchName()
              + ".");
    }
    Shape shape = shape(json.path("shape"), source);
    if (!json.has("nested_offset")) {
      return new QuantState(code, shape, dtype, blockSize, null);
    }
    JsonNode offset = json.path("nested_offset");
    if (!offset.isNumber()) {
      throw new UserException("Expected a number as nested_offset in " + source + ".");
    }
    int nestedBlockSize = blockSize(json, "nested_blocksize", source);
    return new QuantState(
        code, shape, dtype, blockSize, new Nested(nestedBlockSize, (float) offset.doubleValue()));
  }

  private static int blockSize(ObjectNode json, String key, String source) {
    int size = json.path(key).asInt(0);
    if (!Scheme.Codebook.BLOCK_SIZES.contains(size)) {
      throw new UserException(
          "Expected one of %s as %s in %s, found %s."
              .formatted(Scheme.Codebook.BLOCK_SIZES, key, source, json.path(key)));
    }
    return size;
  }

  private static Shape shape(JsonNode node, String source) {
    long[] dims = new long[node.size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = node.path(i).asLong(-1);
    }
    try {
      if (node.isArray() && dims.length > 0) {
        return Shape.of(dims);
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new UserException("Shape " + node + " in " + source + " cannot be true.", e);
    }
    throw new UserException("Expected a list of dimensions as shape in " + source + ".");
  }
}
