/// The inner loops of the number formats, in pairs: a plain scalar one, which is the definition,
/// and one in the Vector API with the same bytes as result.
@NullMarked
package dev.fettle.quantize.kernel;

import org.jspecify.annotations.NullMarked;
