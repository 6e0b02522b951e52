/// Measured comparisons. Each benchmark checks its own results and prints the machine, all runs and
/// the spread.
@NullMarked
package dev.fettle.benchmarks;

import org.jspecify.annotations.NullMarked;
