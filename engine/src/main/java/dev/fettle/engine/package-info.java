/// The only package that knows LibTorch: tensors with scoped memory, the operations the decoder
/// needs, and a tape of coarse steps whose gradients are written by hand.
///
/// No JavaCPP type appears in a public signature, so another engine can take its place behind the
/// same names.
@NullMarked
package dev.fettle.engine;

import org.jspecify.annotations.NullMarked;
