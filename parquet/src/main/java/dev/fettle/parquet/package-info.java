/// Parquet files as rows of training data. A module of its own, because its libraries are larger
/// than all else that reads text.
@NullMarked
package dev.fettle.parquet;

import org.jspecify.annotations.NullMarked;
