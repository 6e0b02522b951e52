package dev.fettle.demo;

import java.util.List;

/// One row of the demo's table.
///
/// @param name of the model, such as `QLoRA`
/// @param weights how the weights are stored, in words
/// @param bytes of all weights, adapter included
/// @param bitsPerWeight `8 · bytes` over the number of the base model's weights
/// @param perplexity over the held-out prose
/// @param divergence Kullback–Leibler divergence of the base model's next-token distribution from
///   this model's over the same prose, mean in nats; 0 for the base itself
/// @param answers to the test questions
record Measured(
    String name,
    String weights,
    long bytes,
    double bitsPerWeight,
    double perplexity,
    double divergence,
    List<Exam.Given> answers) {
  double accuracy() {
    return Exam.accuracy(answers);
  }
}
