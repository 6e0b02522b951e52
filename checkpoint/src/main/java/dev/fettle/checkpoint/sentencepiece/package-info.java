/// SentencePiece models (`tokenizer.model`): reading the file, and the `tokenizer.json` of the
/// Hugging Face tokenizers library that gives the same ids. Nothing is tokenized here.
@NullMarked
package dev.fettle.checkpoint.sentencepiece;

import org.jspecify.annotations.NullMarked;
