package dev.fettle.finetune;

import dev.fettle.tensor.UserException;

/// Which optimizer takes the steps; the names are those of transformers' `OptimizerNames`.
public enum OptimizerKind {
  /// AdamW with float32 moments, as `torch.optim.AdamW`.
  ADAMW_TORCH("adamw_torch"),
  /// AdamW with moments in 8 bits, as bitsandbytes' `AdamW8bit`; Dettmers et al. 2021,
  /// arXiv:2110.02861.
  ADAMW_8BIT("adamw_8bit");

  /// transformers' other name for the same.
  private static final String ALIAS = "adamw_bnb_8bit";

  private final String text;

  OptimizerKind(String text) {
    this.text = text;
  }

  /// @throws UserException if there is no such optimizer
  public static OptimizerKind parse(String name) {
    for (OptimizerKind kind : values()) {
      if (kind.text.equals(name)) {
        return kind;
      }
    }
    if (name.equals(ALIAS)) {
      return ADAMW_8BIT;
    }
    throw new UserException(
        "Unknown optim '" + name + "'; choose adamw_torch or adamw_8bit (adamw_bnb_8bit).");
  }

  public String text() {
    return text;
  }
}
