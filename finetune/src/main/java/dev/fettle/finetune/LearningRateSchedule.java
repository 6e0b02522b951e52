package dev.fettle.finetune;

import dev.fettle.tensor.UserException;
import java.util.Locale;

/// The learning rate of each step; the shapes are those of transformers' `optimization.py`.
///
/// @param shape after the warm-up
/// @param peak the configured learning rate
/// @param warmupSteps steps over which the rate rises linearly from 0; the first step then has rate
///   0
/// @param totalSteps steps of the whole run
public record LearningRateSchedule(Shape shape, double peak, int warmupSteps, int totalSteps) {
  /// How the rate goes on after the warm-up.
  public enum Shape {
    CONSTANT,
    /// Falls in a straight line to 0.
    LINEAR,
    /// Falls along half a cosine to 0; Loshchilov & Hutter 2016, arXiv:1608.03983, eq. 5.
    COSINE;

    /// @throws UserException if there is no such schedule
    public static Shape parse(String name) {
      for (Shape shape : values()) {
        if (shape.text().equals(name)) {
          return shape;
        }
      }
      throw new UserException(
          "Unknown lr-scheduler '" + name + "'; choose constant, linear or cosine.");
    }

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// @param step counted from 0
  public double at(int step) {
    if (step < warmupSteps) {
      return peak * step / Math.max(1, warmupSteps);
    }
    double left = Math.max(1, totalSteps - warmupSteps);
    return switch (shape) {
      case CONSTANT -> peak;
      case LINEAR -> peak * Math.max(0, (totalSteps - step) / left);
      case COSINE ->
          peak * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (step - warmupSteps) / left)));
    };
  }
}
