/// The inner loops of the conversions between floating-point formats, in pairs: a plain scalar one,
/// which is the definition, and one in the Vector API with the same results.
@NullMarked
package dev.fettle.tensor.kernel;

import org.jspecify.annotations.NullMarked;
