package dev.fettle.text;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Text to token ids and back, exactly as the Hugging Face tokenizer of the same folder does it.
///
/// A tokenizer may be shared by threads. It holds native memory until it is closed.
public interface Tokenizer extends AutoCloseable {

  /// Reads `tokenizer.json`, else SentencePiece's `tokenizer.model`, and with it
  /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, each as
  /// transformers 5 does. From a GGUF file it reads the same from the metadata.
  ///
  /// Which special tokens surround a text is what the post-processor in `tokenizer.json` says;
  /// `add_bos_token` and `add_eos_token` count only for a `tokenizer.model`. In the folder of a
  /// model whose tokenizer class brings steps of its own, as `LlamaTokenizer` does, those replace
  /// the ones in the file.
  ///
  /// @param path a Hugging Face model folder, or a GGUF file
  /// @throws dev.fettle.tensor.UserException if the files or the metadata are missing, malformed or
  ///   of a kind that is not supported
  static Tokenizer load(Path path) {
    return NativeTokenizer.load(path);
  }

  /// The token ids of `text`. With `addSpecialTokens` the result equals transformers'
  /// `tokenizer(text).input_ids`, without it `tokenizer(text, add_special_tokens=False).input_ids`.
  ///
  /// A UTF-16 surrogate without its partner is read as U+FFFD.
  int[] encode(String text, boolean addSpecialTokens);

  /// As [#encode], with the place in `text` that each token came from.
  TokenSpans encodeWithSpans(String text, boolean addSpecialTokens);

  /// The text of `ids`. Bytes that are no UTF-8 come out as U+FFFD. Spaces before punctuation are
  /// removed only where `tokenizer_config.json` asks for it (`clean_up_tokenization_spaces`) and
  /// the tokenizer is not byte-pair encoding, as in transformers 5; a [#streamingDecoder] keeps
  /// them.
  String decode(int[] ids, boolean skipSpecialTokens);

  /// One more than the largest token id, added tokens included. A model's embedding may have more
  /// rows.
  int vocabSize();

  /// The id of the token that reads exactly `token`, or null.
  @Nullable Integer idOf(String token);

  /// The token ids, and the text, that `tokenizer_config.json` gives the special tokens.
  SpecialTokens specialTokens();

  default @Nullable Integer bosId() {
    return specialTokens().bosId();
  }

  default @Nullable Integer eosId() {
    return specialTokens().eosId();
  }

  default @Nullable Integer padId() {
    return specialTokens().padId();
  }

  /// A decoder for text that arrives one token at a time; special tokens print nothing.
  default StreamingDecoder streamingDecoder() {
    return streamingDecoder(new int[0]);
  }

  /// A decoder that continues after `context`, whose text the reader has already seen and which
  /// ends with a whole character. Needed because sentencepiece-like decoders drop the space in
  /// front of the very first token.
  StreamingDecoder streamingDecoder(int[] context);

  @Override
  void close();
}
