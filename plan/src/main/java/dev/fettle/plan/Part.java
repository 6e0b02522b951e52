package dev.fettle.plan;

/// Memory of one kind.
///
/// @param name what it holds, such as `activations`
/// @param bytes resident
/// @param how what it is made of, in a few words
public record Part(String name, long bytes, String how) {
  public Part {
    if (bytes < 0) {
      throw new IllegalArgumentException(name + " takes " + bytes + " bytes");
    }
  }
}
