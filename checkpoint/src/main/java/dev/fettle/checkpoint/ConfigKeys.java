package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads typed values from a JSON object; messages name the key and the file. A JSON null counts as
/// absent, as it does for Hugging Face.
public record ConfigKeys(ObjectNode object, String source) {
  public @Nullable JsonNode get(String key) {
    @Nullable JsonNode node = object.get(key);
    return node == null || node.isNull() ? null : node;
  }

  public String requiredString(String key) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      throw missing(key, "text");
    }
    return string(key, "");
  }

  public String string(String key, String fallback) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      return fallback;
    }
    if (!node.isString()) {
      throw wrong(key, "text", node);
    }
    return node.stringValue();
  }

  public int requiredInt(String key) {
    @Nullable Integer value = nullableInt(key);
    if (value == null) {
      throw missing(key, "a whole number");
    }
    if (value <= 0) {
      throw new UserException(
          "Key '" + key + "' in " + source + " must be positive: " + value + ".");
    }
    return value;
  }

  public int positiveInt(String key, int fallback) {
    return get(key) == null ? fallback : requiredInt(key);
  }

  public @Nullable Integer nullableInt(String key) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      return null;
    }
    if (!node.canConvertToInt() || !node.isIntegralNumber()) {
      throw wrong(key, "a whole number", node);
    }
    return node.intValue();
  }

  /// A number or a list of numbers; empty if absent.
  public List<Integer> ints(String key) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      return List.of();
    }
    List<Integer> values = new ArrayList<>();
    List<JsonNode> elements = new ArrayList<>();
    if (node instanceof ArrayNode array) {
      array.forEach(elements::add);
    } else {
      elements.add(node);
    }
    for (JsonNode element : elements) {
      if (!element.isIntegralNumber() || !element.canConvertToInt()) {
        throw wrong(key, "a whole number or a list of them", element);
      }
      values.add(element.intValue());
    }
    return List.copyOf(values);
  }

  /// A positive whole number, or null if the key is absent or null.
  public @Nullable Integer positiveOrNull(String key) {
    return get(key) == null ? null : Integer.valueOf(requiredInt(key));
  }

  public double positiveNumber(String key, double fallback) {
    double value = number(key, fallback);
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new UserException(
          "Key '" + key + "' in " + source + " must be positive: " + value + ".");
    }
    return value;
  }

  public double requiredNumber(String key) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      throw missing(key, "a number");
    }
    return number(key, 0);
  }

  public double number(String key, double fallback) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      return fallback;
    }
    if (!node.isNumber()) {
      throw wrong(key, "a number", node);
    }
    return node.doubleValue();
  }

  public boolean bool(String key, boolean fallback) {
    @Nullable JsonNode node = get(key);
    if (node == null) {
      return fallback;
    }
    if (!node.isBoolean()) {
      throw wrong(key, "true or false", node);
    }
    return node.booleanValue();
  }

  private UserException missing(String key, String expected) {
    return new UserException("Key '" + key + "' (" + expected + ") is missing in " + source + ".");
  }

  private UserException wrong(String key, String expected, JsonNode found) {
    return new UserException(
        "Key '" + key + "' in " + source + ": expected " + expected + ", found " + found + ".");
  }
}
