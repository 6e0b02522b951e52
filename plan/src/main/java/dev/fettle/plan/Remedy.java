package dev.fettle.plan;

import java.util.List;

/// Work near to the one that was asked for, which fits.
///
/// @param options of the command line that make the difference, such as `--batch-size 2`
public record Remedy(Work work, MemoryPlan plan, List<String> options) {
  public Remedy {
    options = List.copyOf(options);
  }

  /// The options in one line.
  public String line() {
    return String.join(" ", options);
  }
}
