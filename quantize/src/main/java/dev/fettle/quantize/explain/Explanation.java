package dev.fettle.quantize.explain;

import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// An explanation in reading order, and the same numbers for a program.
///
/// @param title what is explained, such as `7.32 in floating point`
/// @param json every number of the explanation, in full precision
public record Explanation(String title, List<Part> parts, ObjectNode json) {
  public Explanation {
    parts = List.copyOf(parts);
  }
}
