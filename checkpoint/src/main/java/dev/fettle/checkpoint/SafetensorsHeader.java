package dev.fettle.checkpoint;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/// Parses and checks the JSON header of a safetensors file.
///
/// ```
/// u64 little-endian N | N bytes of JSON, padded with spaces | data
/// {"__metadata__": {text: text}, name: {"dtype": …, "shape": […], "data_offsets": [begin, end]}}
/// ```
///
/// Offsets count from the start of the data, which must be covered exactly once. Source: Format
/// section of the README of huggingface/safetensors.
final class SafetensorsHeader {
  /// The reference implementation's limit; it keeps a lying length from costing memory.
  static final long MAX_BYTES = 100_000_000;

  /// A tensor and its place, relative to the start of the data.
  record Entry(TensorInfo info, long begin, long end) {}

  /// @param entries in the order of the data
  record Parsed(List<Entry> entries, Map<String, String> metadata) {}

  private final String source;
  private final JsonParser parser;
  private final List<Entry> entries = new ArrayList<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private SafetensorsHeader(JsonParser parser, String source) {
    this.parser = parser;
    this.source = source;
  }

  /// @param json the header bytes
  /// @param dataBytes how many bytes follow the header in the file
  /// @param source the file, for messages
  /// @throws UserException if anything is not as the format demands
  static Parsed parse(byte[] json, long dataBytes, String source) {
    if (json.length == 0 || json[0] != '{') {
      throw new UserException("Header of " + source + " does not start with '{'; not safetensors.");
    }
    try (JsonParser parser = Json.MAPPER.createParser(json)) {
      SafetensorsHeader header = new SafetensorsHeader(parser, source);
      header.readAll();
      header.checkCover(dataBytes);
      return new Parsed(List.copyOf(header.entries), Map.copyOf(header.metadata));
    } catch (JacksonException e) {
      throw Json.malformed(e, "the header of " + source);
    }
  }

  private void readAll() {
    Set<String> names = new HashSet<>();
    parser.nextToken();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      if (!names.add(name)) {
        throw new UserException("Tensor '" + name + "' appears twice in " + source + ".");
      }
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw bad(name, "a JSON object", parser.currentToken());
      }
      if (name.equals("__metadata__")) {
        readMetadata();
      } else {
        entries.add(readEntry(name));
      }
    }
    if (parser.nextToken() != null) {
      throw new UserException("Header of " + source + " goes on after its JSON object ended.");
    }
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
  }

  private void readMetadata() {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw bad("__metadata__", "text for '" + key + "'", parser.currentToken());
      }
      metadata.put(key, parser.getString());
    }
  }

  private Entry readEntry(String name) {
    @Nullable DType dtype = null;
    long @Nullable [] dims = null;
    long @Nullable [] offsets = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      switch (key) {
        case "dtype" -> dtype = readDType(name);
        case "shape" -> dims = readLongs(name, key);
        case "data_offsets" -> offsets = readLongs(name, key);
        default ->
            throw new UserException(
                "Tensor '" + name + "' in " + source + " has an unknown field '" + key + "'.");
      }
    }
    if (dtype == null || dims == null || offsets == null || offsets.length != 2) {
      throw new UserException(
          "Tensor '" + name + "' in " + source + " needs dtype, shape and two data_offsets.");
    }
    return checked(name, dtype, dims, offsets[0], offsets[1]);
  }

  private Entry checked(String name, DType dtype, long[] dims, long begin, long end) {
    TensorInfo info;
    long expected;
    try {
      info = new TensorInfo(name, dtype, Shape.of(dims));
      expected = info.bytes();
    } catch (ArithmeticException e) {
      throw new UserException(
          "Shape of tensor '" + name + "' in " + source + " is too large to be true.", e);
    }
    if (begin > end || end - begin != expected) {
      throw new UserException(
          "Tensor '%s' in %s: %s %s takes %d bytes, but its data_offsets are [%d, %d]."
              .formatted(name, source, dtype, info.shape(), expected, begin, end));
    }
    return new Entry(info, begin, end);
  }

  private DType readDType(String name) {
    if (parser.currentToken() != JsonToken.VALUE_STRING) {
      throw bad(name, "text for dtype", parser.currentToken());
    }
    String text = parser.getString();
    for (DType dtype : DType.values()) {
      if (dtype.name().equals(text)) {
        return dtype;
      }
    }
    throw new UserException(
        "Tensor '" + name + "' in " + source + " has dtype '" + text + "', which is not known.");
  }

  private long[] readLongs(String name, String key) {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw bad(name, "an array for " + key, parser.currentToken());
    }
    long[] values = new long[8];
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
        throw bad(name, "whole numbers in " + key, parser.currentToken());
      }
      if (count == values.length) {
        throw new UserException(
            "Tensor '" + name + "' in " + source + " has more than 8 numbers in " + key + ".");
      }
      values[count] = wholeNumber(name, key);
      count++;
    }
    return java.util.Arrays.copyOf(values, count);
  }

  private long wholeNumber(String name, String key) {
    long value = -1;
    if (parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER) {
      value = parser.getLongValue();
    }
    if (value < 0) {
      throw new UserException(
          "Tensor '%s' in %s has %s in its %s; expected a number from 0 to 2^63-1."
              .formatted(name, source, parser.getString(), key));
    }
    return value;
  }

  private void checkCover(long dataBytes) {
    long at = 0;
    @Nullable String previous = null;
    for (Entry entry : entries) {
      if (entry.end() > dataBytes) {
        throw new UserException(
            ("Tensor '%s' in %s ends at data byte %d, but the file holds only %d;"
                    + " it is truncated or its header is wrong.")
                .formatted(entry.info().name(), source, entry.end(), dataBytes));
      }
      if (entry.begin() < at) {
        throw new UserException(
            "Tensors '%s' and '%s' in %s overlap."
                .formatted(previous, entry.info().name(), source));
      }
      if (entry.begin() > at) {
        throw new UserException(
            "The data of %s has a hole of %d bytes before tensor '%s'."
                .formatted(source, entry.begin() - at, entry.info().name()));
      }
      at = entry.end();
      previous = entry.info().name();
    }
    if (at != dataBytes) {
      throw new UserException(
          "File %s has %d bytes of data that no tensor claims.".formatted(source, dataBytes - at));
    }
  }

  private UserException bad(String name, String expected, @Nullable JsonToken found) {
    return new UserException(
        "Entry '"
            + name
            + "' in the header of "
            + source
            + ": expected "
            + expected
            + ", found "
            + found
            + ".");
  }
}
