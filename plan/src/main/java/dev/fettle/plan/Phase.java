package dev.fettle.plan;

import java.util.List;

/// A stretch of the work in which these parts are in memory at the same time.
///
/// @param name such as `backward pass`
public record Phase(String name, List<Part> parts) {
  public Phase {
    parts = parts.stream().filter(part -> part.bytes() > 0).toList();
  }

  public long bytes() {
    return parts.stream().mapToLong(Part::bytes).sum();
  }
}
