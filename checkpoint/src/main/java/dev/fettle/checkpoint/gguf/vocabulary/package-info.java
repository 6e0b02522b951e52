/// The vocabulary of a model as GGUF holds it, under keys that begin with `tokenizer.`: made from
/// the files of a Hugging Face folder, and turned back into `tokenizer.json` and
/// `tokenizer_config.json`.
///
/// Nothing here tokenizes; what a vocabulary means is left to the libraries that read it.
@NullMarked
package dev.fettle.checkpoint.gguf.vocabulary;

import org.jspecify.annotations.NullMarked;
