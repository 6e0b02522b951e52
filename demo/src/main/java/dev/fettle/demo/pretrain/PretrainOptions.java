package dev.fettle.demo.pretrain;

import java.nio.file.Path;

/// How to make a model of the small world from nothing.
///
/// @param output folder for the text, the random start and the trained model
/// @param shape size of the model
/// @param steps optimizer steps
/// @param batchSize sequences of one step
/// @param seqLength tokens of one sequence
/// @param learningRate at the peak; it falls to zero along half a cosine
/// @param seed of the text, the weights and the order
/// @param resume go on from the newest checkpoint in `output`
public record PretrainOptions(
    Path output,
    ModelShape shape,
    int steps,
    int batchSize,
    int seqLength,
    double learningRate,
    long seed,
    boolean resume) {

  /// What made the embedded model.
  public static PretrainOptions embedded(Path output) {
    return new PretrainOptions(output, ModelShape.EMBEDDED, 8000, 4, 128, 2e-3, 1, false);
  }

  public PretrainOptions withSteps(int value) {
    return new PretrainOptions(
        output, shape, value, batchSize, seqLength, learningRate, seed, resume);
  }

  public PretrainOptions withSeed(long value) {
    return new PretrainOptions(
        output, shape, steps, batchSize, seqLength, learningRate, value, resume);
  }

  public PretrainOptions withResume(boolean value) {
    return new PretrainOptions(
        output, shape, steps, batchSize, seqLength, learningRate, seed, value);
  }
}
