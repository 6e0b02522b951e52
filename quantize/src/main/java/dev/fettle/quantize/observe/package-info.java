/// From numbers that were seen to the range a quantization grid is laid over: the streaming
/// histogram, and the observers that choose a range from it.
///
/// Nothing here knows a model; who collects numbers and writes the result is elsewhere.
///
/// Reading order: {@link dev.fettle.quantize.observe.RangeStatistics} collects, {@link
/// dev.fettle.quantize.observe.Observer} chooses.
@NullMarked
package dev.fettle.quantize.observe;

import org.jspecify.annotations.NullMarked;
