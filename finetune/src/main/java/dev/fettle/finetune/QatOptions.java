package dev.fettle.finetune;

import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Quantization-aware training: which format the model learns to live with, and from when on.
///
/// @param scheme of the linear layers' weights
/// @param activations how the layers' inputs are quantized, or null for weights only
/// @param learnedRanges whether the ranges of a symmetric integer scheme are trained with the
///   weights (Esser et al. 2020, arXiv:1902.08153) instead of taken from them at each step
/// @param startStep steps in floating point before rounding begins
/// @param freezeStep step from which ranges stay as they are; 0 never freezes
/// @param skipModules layers that are not quantized: a full path, or its last part
public record QatOptions(
    Scheme scheme,
    @Nullable ActivationQuantization activations,
    boolean learnedRanges,
    int startStep,
    int freezeStep,
    List<String> skipModules) {
  /// @throws UserException if the settings do not go together
  public QatOptions {
    skipModules = List.copyOf(skipModules);
    if (startStep < 0 || freezeStep < 0) {
      throw new UserException("--qat-start-step and --qat-freeze-step cannot be negative.");
    }
    if (freezeStep > 0 && freezeStep < startStep) {
      throw new UserException(
          "--qat-freeze-step %d comes before --qat-start-step %d; ranges are frozen after rounding has begun."
              .formatted(freezeStep, startStep));
    }
    switch (scheme) {
      case Scheme.Affine affine -> {}
      case Scheme.Nf4 nf4 -> checkFollows(scheme, learnedRanges, freezeStep);
      case Scheme.Fp4 fp4 -> checkFollows(scheme, learnedRanges, freezeStep);
      case Scheme.Float8 float8 -> checkFollows(scheme, learnedRanges, freezeStep);
      case Scheme.Mxfp4 mxfp4 -> checkFollows(scheme, learnedRanges, freezeStep);
      case Scheme.Nvfp4 nvfp4 -> checkFollows(scheme, learnedRanges, freezeStep);
      case Scheme.LlmInt8 int8 ->
          throw new UserException(
              "Quantization-aware training for llm.int8 is not possible, because its outlier columns are chosen while computing; use int8:sym:channel with --activations int8:sym:token.");
      case Scheme.Ggml ggml ->
          throw new UserException(
              "Scheme %s belongs to GGUF files, which training does not write; use int4:sym:group=32 or another scheme of a model folder."
                  .formatted(ggml));
      case Scheme.Cast cast ->
          throw new UserException(
              "Scheme %s does not quantize; quantization-aware training needs one that does."
                  .formatted(cast));
    }
    if (learnedRanges && scheme instanceof Scheme.Affine affine && !learnable(affine)) {
      throw new UserException(
          "Ranges can be learned for signed symmetric integers, not for %s; leave out --qat-learned-ranges."
              .formatted(scheme));
    }
  }

  private static boolean learnable(Scheme.Affine scheme) {
    return scheme.signed() && scheme.symmetry() != Symmetry.ASYMMETRIC;
  }

  private static void checkFollows(Scheme scheme, boolean learned, int freezeStep) {
    if (learned || freezeStep > 0) {
      throw new UserException(
          "The scales of %s follow the weights; --qat-learned-ranges and --qat-freeze-step are for integer schemes."
              .formatted(scheme));
    }
  }

  /// From the first step, with ranges that follow the weights.
  public static QatOptions of(Scheme scheme) {
    return new QatOptions(scheme, null, false, 0, 0, List.of());
  }

  /// @throws UserException if a run of so many steps ends before rounding begins
  void checkSteps(int totalSteps) {
    if (startStep >= totalSteps) {
      throw new UserException(
          "--qat-start-step %d leaves none of the %d steps for training with rounding; lower it or train longer."
              .formatted(startStep, totalSteps));
    }
  }

  boolean skips(String module) {
    return skipModules.stream()
        .anyMatch(skip -> module.equals(skip) || module.endsWith("." + skip));
  }
}
