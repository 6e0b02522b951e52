/// What a number and a tensor are on the host: dtypes, shapes, tensors over memory segments, and
/// the conversions between floating-point formats.
///
/// Nothing here reads files or knows a native library.
@NullMarked
package dev.fettle.tensor;

import org.jspecify.annotations.NullMarked;
