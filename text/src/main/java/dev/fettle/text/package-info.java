/// From text to training samples: the tokenizer of a Hugging Face folder, chat templates, datasets
/// with their loss mask, and the order and the padding in which a trainer reads them.
///
/// Everything here is integers and strings; nothing knows a model or a tensor engine.
@NullMarked
package dev.fettle.text;

import org.jspecify.annotations.NullMarked;
