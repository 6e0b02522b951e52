package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;

/// The function on the gate of the feed-forward part, `down(act(gate(x)) · up(x))`.
public enum Activation {
  /// `x · sigmoid(x)`.
  SILU("silu"),
  /// `x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`; Hendrycks and Gimpel 2016, arXiv:1606.08415,
  /// section 2.
  GELU_TANH("gelu_pytorch_tanh"),
  /// `x · Φ(x)`, with the exact normal distribution.
  GELU("gelu");

  private final String hiddenAct;

  Activation(String hiddenAct) {
    this.hiddenAct = hiddenAct;
  }

  /// The name in `config.json`.
  public String hiddenAct() {
    return hiddenAct;
  }

  /// @param name the value of `hidden_act`; transformers' other names for the same function count
  /// @throws UserException if the function is not supported
  public static Activation parse(String name, String source) {
    return switch (name) {
      case "silu", "swish" -> SILU;
      case "gelu_pytorch_tanh", "gelu_new" -> GELU_TANH;
      case "gelu" -> GELU;
      default ->
          throw new UserException(
              "hidden_act '%s' in %s is not supported; supported: silu, gelu_pytorch_tanh, gelu."
                  .formatted(name, source));
    };
  }
}
