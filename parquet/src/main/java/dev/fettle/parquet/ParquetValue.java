package dev.fettle.parquet;

import dev.fettle.checkpoint.Json;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A value of a Parquet row as JSON.
final class ParquetValue {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private ParquetValue() {}

  /// Strings, numbers and booleans as themselves; bytes as UTF-8 text; dates, times and identifiers
  /// as their usual text; a map as an object, whose keys are text.
  static JsonNode json(@Nullable Object value) {
    return switch (value) {
      case null -> NODES.nullNode();
      case String text -> NODES.stringNode(text);
      case Boolean flag -> NODES.booleanNode(flag);
      case Byte number -> NODES.numberNode(number);
      case Short number -> NODES.numberNode(number);
      case Integer number -> NODES.numberNode(number);
      case Long number -> NODES.numberNode(number);
      case Float number -> NODES.numberNode(number);
      case Double number -> NODES.numberNode(number);
      case BigDecimal number -> NODES.numberNode(number);
      case byte[] bytes -> NODES.stringNode(new String(bytes, StandardCharsets.UTF_8));
      case PqStruct struct -> struct(struct);
      case PqList list -> list(list);
      case PqMap map -> map(map);
      default -> NODES.stringNode(value.toString());
    };
  }

  private static ObjectNode struct(PqStruct struct) {
    ObjectNode object = Json.object();
    for (int i = 0; i < struct.getFieldCount(); i++) {
      object.set(struct.getFieldName(i), json(struct.getValue(i)));
    }
    return object;
  }

  private static ArrayNode list(PqList list) {
    ArrayNode array = NODES.arrayNode(list.size());
    for (int i = 0; i < list.size(); i++) {
      array.add(list.isNull(i) ? NODES.nullNode() : json(list.get(i)));
    }
    return array;
  }

  private static ObjectNode map(PqMap map) {
    ObjectNode object = Json.object();
    for (PqMap.Entry entry : map.getEntries()) {
      object.set(String.valueOf(entry.getKey()), json(entry.getValue()));
    }
    return object;
  }
}
