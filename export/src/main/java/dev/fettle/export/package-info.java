/// A model or an adapter in the formats of other tools: GGUF files for llama.cpp and what builds on
/// it, and conversions between formats.
///
/// Nothing here knows how a number format works or what a layer computes; it decides which tensor
/// is written in which form and what a format cannot carry.
@NullMarked
package dev.fettle.export;

import org.jspecify.annotations.NullMarked;
