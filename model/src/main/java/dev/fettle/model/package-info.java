/// One decoder for every family: linear layers that are dense, quantized, trained or adapted, exact
/// gradients, the KV cache and generation.
///
/// Reading order: {@link dev.fettle.model.CausalLm}, {@link dev.fettle.model.DecoderBlock}, {@link
/// dev.fettle.model.Linear}, {@link dev.fettle.model.LanguageHead}.
@NullMarked
package dev.fettle.model;

import org.jspecify.annotations.NullMarked;
