package dev.fettle.demo;

import java.nio.file.Path;

/// @param output folder for the models, adapters and the report; made if need be, and reused if an
///   earlier demo made it
/// @param steps optimizer steps of each fine-tuning run
/// @param questionsPerTopic test questions of each of the world's topics; fewer where the world
///   holds fewer
/// @param seed of the adapters and of the order of the samples
public record DemoOptions(Path output, int steps, int questionsPerTopic, long seed) {
  public static DemoOptions defaults(Path output) {
    return new DemoOptions(output, 120, 14, 1);
  }
}
