package dev.fettle.model;

import dev.fettle.tensor.UserException;

/// How the next token is chosen; names and meaning as in transformers.
///
/// @param temperature 0 takes the most likely token (greedy)
/// @param topK only the k most likely tokens; 0 is all
/// @param topP only the most likely tokens that together have this probability; 1 is all
/// @param repetitionPenalty divides positive and multiplies negative logits of tokens seen before;
///   1 is none (Keskar et al. 2019, arXiv:1909.05858, section 4.1)
/// @param seed of the draws
public record SamplingOptions(
    double temperature, int topK, double topP, double repetitionPenalty, long seed) {

  /// @throws UserException if a value is outside its range
  public SamplingOptions {
    require(temperature >= 0, "temperature", temperature, "0 or more");
    require(topK >= 0, "top-k", topK, "0 or more");
    require(topP > 0 && topP <= 1, "top-p", topP, "above 0 and at most 1");
    require(repetitionPenalty > 0, "repetition-penalty", repetitionPenalty, "above 0");
  }

  private static void require(boolean holds, String name, double found, String expected) {
    if (!holds) {
      throw new UserException(name + " must be " + expected + ", not " + found + ".");
    }
  }

  public static SamplingOptions greedy() {
    return new SamplingOptions(0, 0, 1, 1, 0);
  }
}
