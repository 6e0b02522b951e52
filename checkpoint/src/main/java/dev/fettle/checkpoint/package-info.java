/// Model folders on disk: safetensors files, `config.json`, sharding, and files that appear whole
/// or not at all.
///
/// Tensors are read as views of the mapped file, so a checkpoint larger than memory is ordinary.
/// Nothing here knows how a quantized weight is packed or what a layer computes.
@NullMarked
package dev.fettle.checkpoint;

import org.jspecify.annotations.NullMarked;
