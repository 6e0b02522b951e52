package dev.fettle.finetune;

import dev.fettle.tensor.UserException;
import java.util.Locale;

/// What is trained, on what base.
public enum TrainingMethod {
  /// Every weight; float32 masters.
  FULL,
  /// A low-rank adapter on the base as it is stored; Hu et al. 2021, arXiv:2106.09685.
  LORA,
  /// A low-rank adapter on a base quantized to NF4 with double quantization; Dettmers et al. 2023,
  /// arXiv:2305.14314.
  QLORA,
  /// Every weight, with the linear layers rounded to the format they are shipped in; Jacob et al.
  /// 2018, arXiv:1712.05877.
  QAT,
  /// A low-rank adapter inside the rounding: `round(W + scale · B · A)`.
  QAT_LORA;

  /// @throws UserException if there is no such method
  public static TrainingMethod parse(String name) {
    for (TrainingMethod method : values()) {
      if (method.text().equals(name)) {
        return method;
      }
    }
    throw new UserException(
        "Unknown method '" + name + "'; choose full, lora, qlora, qat or qat-lora.");
  }

  public String text() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  public boolean usesAdapter() {
    return switch (this) {
      case FULL, QAT -> false;
      case LORA, QLORA, QAT_LORA -> true;
    };
  }

  /// Whether the linear layers are rounded while they are trained.
  public boolean quantizationAware() {
    return switch (this) {
      case FULL, LORA, QLORA -> false;
      case QAT, QAT_LORA -> true;
    };
  }
}
