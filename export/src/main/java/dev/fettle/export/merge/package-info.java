/// Merging an adapter into a model of few bits: which base it goes into, what rounding leaves of
/// it, and how far the result is from base and adapter side by side.
@NullMarked
package dev.fettle.export.merge;

import org.jspecify.annotations.NullMarked;
