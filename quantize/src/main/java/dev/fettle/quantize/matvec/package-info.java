/// Products of a packed weight with one or a few rows of numbers, as in decoding token by token,
/// without the weight ever existing unpacked: its packed bytes are read once, which is what such a
/// product costs. Without a model and without the engine.
@NullMarked
package dev.fettle.quantize.matvec;

import org.jspecify.annotations.NullMarked;
