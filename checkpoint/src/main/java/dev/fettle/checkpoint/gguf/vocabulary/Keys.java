package dev.fettle.checkpoint.gguf.vocabulary;

/// The keys of a vocabulary in GGUF. Source: gguf-py, `constants.py`.
final class Keys {
  static final String MODEL = "tokenizer.ggml.model";
  static final String PRE = "tokenizer.ggml.pre";
  static final String TOKENS = "tokenizer.ggml.tokens";
  static final String SCORES = "tokenizer.ggml.scores";
  static final String TYPES = "tokenizer.ggml.token_type";
  static final String MERGES = "tokenizer.ggml.merges";
  static final String ADD_BOS = "tokenizer.ggml.add_bos_token";
  static final String ADD_EOS = "tokenizer.ggml.add_eos_token";
  static final String ADD_SPACE = "tokenizer.ggml.add_space_prefix";
  static final String TEMPLATE = "tokenizer.chat_template";
  static final String TEMPLATES = "tokenizer.chat_templates";

  // What GGUF has no key for; others ignore them.
  static final String COMPOSED = "tokenizer.fettle.nfc";
  static final String LSTRIP = "tokenizer.fettle.lstrip";
  static final String RSTRIP = "tokenizer.fettle.rstrip";

  static final String LLAMA = "llama";
  static final String GPT_2 = "gpt2";

  private Keys() {}
}
