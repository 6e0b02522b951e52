/// A model quantized block by block: the runner, what it keeps between blocks, and what an
/// algorithm gets to see of a layer.
///
/// The algorithms themselves are in packages of their own; nothing here knows them.
@NullMarked
package dev.fettle.calibrate.block;

import org.jspecify.annotations.NullMarked;
