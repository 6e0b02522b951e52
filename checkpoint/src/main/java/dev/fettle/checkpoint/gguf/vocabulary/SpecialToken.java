package dev.fettle.checkpoint.gguf.vocabulary;

/// The roles that tokens are named for: `bos_token` in `tokenizer_config.json`,
/// `tokenizer.ggml.bos_token_id` in GGUF. Source of the keys: gguf-py, `constants.py`.
enum SpecialToken {
  BOS("bos", "bos"),
  EOS("eos", "eos"),
  /// Ends a turn of a conversation; Hugging Face has no key for it.
  EOT("eot", "eot"),
  UNKNOWN("unk", "unknown"),
  /// The key in GGUF is misspelt in its specification.
  SEPARATOR("sep", "seperator"),
  PADDING("pad", "padding"),
  MASK("mask", "mask");

  private final String huggingFace;
  private final String gguf;

  SpecialToken(String huggingFace, String gguf) {
    this.huggingFace = huggingFace;
    this.gguf = gguf;
  }

  /// Such as `bos_token`.
  String configKey() {
    return huggingFace + "_token";
  }

  /// Such as `bos_token_id`, in `config.json` and `generation_config.json`.
  String idKey() {
    return huggingFace + "_token_id";
  }

  /// Such as `tokenizer.ggml.bos_token_id`.
  String ggufKey() {
    return "tokenizer.ggml." + gguf + "_token_id";
  }
}
