package dev.fettle.calibrate.budget;

import java.util.List;
import java.util.Locale;

/// Why a layer has the scheme it has, by what its neighbours in size would change.
final class Reasons {
  private Reasons() {}

  static String of(LayerOptions layer, int chosen) {
    List<Option> options = layer.options();
    Option option = options.get(chosen);
    StringBuilder reason = new StringBuilder();
    if (chosen > 0) {
      Option smaller = options.get(chosen - 1);
      reason.append(
          "%s would save %s and cost %s"
              .formatted(
                  smaller.scheme(),
                  bytes(option.bytes() - smaller.bytes()),
                  nats(smaller.divergence() - option.divergence())));
    }
    if (chosen < options.size() - 1) {
      Option larger = options.get(chosen + 1);
      reason
          .append(reason.isEmpty() ? "" : "; ")
          .append(
              "%s would take %s more and gain %s"
                  .formatted(
                      larger.scheme(),
                      bytes(larger.bytes() - option.bytes()),
                      nats(option.divergence() - larger.divergence())));
    }
    return reason.isEmpty() ? "the only candidate that fits" : reason.toString();
  }

  private static String bytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f kB", bytes / 1e3);
  }

  private static String nats(double value) {
    return String.format(Locale.ROOT, "%.2g nats", value);
  }
}
