package dev.fettle.calibrate.gptq;

import dev.fettle.tensor.UserException;

/// The settings of GPTQ, with the names of transformers' `GPTQConfig` and GPTQModel.
///
/// @param descAct quantizes the columns with the largest inputs first ("act-order")
/// @param staticGroups with `descAct`: the groups stay those of the columns as they are stored,
///   with scales taken before the first column is quantized, so that the file needs no index of
///   groups and every reader can use it. Otherwise columns that are quantized one after the other
///   are a group, and the weight comes with an index
/// @param dampPercent what is added to the diagonal of the Hessian, as a share of its mean, to keep
///   it invertible
/// @param blockSize columns between updates of all that follow; a matter of speed only
public record GptqOptions(
    boolean descAct, boolean staticGroups, double dampPercent, int blockSize) {
  static final double DEFAULT_DAMP_PERCENT = 0.01;
  static final int DEFAULT_BLOCK_SIZE = 128;

  public GptqOptions {
    if (!(dampPercent > 0 && dampPercent < 1)) {
      throw new UserException(
          "--damp-percent must lie between 0 and 1, such as 0.01, not " + dampPercent + ".");
    }
    if (blockSize < 1) {
      throw new IllegalArgumentException("block size " + blockSize);
    }
  }

  /// With static groups.
  public GptqOptions(boolean descAct, double dampPercent, int blockSize) {
    this(descAct, true, dampPercent, blockSize);
  }

  /// Columns in their order, damping 0.01, blocks of 128.
  public static GptqOptions defaults() {
    return new GptqOptions(false, DEFAULT_DAMP_PERCENT, DEFAULT_BLOCK_SIZE);
  }

  public GptqOptions withDescAct(boolean value) {
    return new GptqOptions(value, staticGroups, dampPercent, blockSize);
  }

  public GptqOptions withStaticGroups(boolean value) {
    return new GptqOptions(descAct, value, dampPercent, blockSize);
  }

  public GptqOptions withDampPercent(double value) {
    return new GptqOptions(descAct, staticGroups, value, blockSize);
  }
}
