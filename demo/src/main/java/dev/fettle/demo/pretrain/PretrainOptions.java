package dev.fettle.demo.pretrain;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// How to make a model from nothing.
///
/// @param output folder for the text, the random start and the trained model
/// @param shape size of the model
/// @param steps optimizer steps
/// @param batchSize sequences of one step
/// @param seqLength tokens of one sequence
/// @param learningRate at the peak; it falls to zero along half a cosine
/// @param seed of the text, the weights and the order
/// @param text what to learn, a file of plain text; null is prose of the small world
/// @param resume go on from the newest checkpoint in `output`
public record PretrainOptions(
    Path output,
    ModelShape shape,
    int steps,
    int batchSize,
    int seqLength,
    double learningRate,
    long seed,
    @Nullable Path text,
    boolean resume) {

  /// What made the embedded model.
  public static PretrainOptions embedded(Path output) {
    return new PretrainOptions(output, ModelShape.EMBEDDED, 8000, 4, 128, 2e-3, 1, null, false);
  }

  /// A model twice that size on any text: 5.2 million parameters, rows a multiple of 256.
  public static PretrainOptions ofText(Path output, Path text) {
    return new PretrainOptions(output, ModelShape.TEXT, 1500, 16, 128, 2e-3, 1, text, false);
  }

  public PretrainOptions withSteps(int value) {
    return new PretrainOptions(
        output, shape, value, batchSize, seqLength, learningRate, seed, text, resume);
  }

  public PretrainOptions withSeed(long value) {
    return new PretrainOptions(
        output, shape, steps, batchSize, seqLength, learningRate, value, text, resume);
  }

  public PretrainOptions withResume(boolean value) {
    return new PretrainOptions(
        output, shape, steps, batchSize, seqLength, learningRate, seed, text, value);
  }
}
