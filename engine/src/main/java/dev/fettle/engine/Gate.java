package dev.fettle.engine;

/// The activation of a gated feed-forward layer; Shazeer 2020, arXiv:2002.05202, section 2.
public enum Gate {
  /// `x · sigmoid(x)`: SwiGLU.
  SILU,
  /// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`; Hendrycks & Gimpel 2016, arXiv:1606.08415, section
  /// 2.
  GELU_TANH,
  /// `½ x (1 + erf(x / √2))`, exactly.
  GELU
}
