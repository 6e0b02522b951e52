/// Data files and the records in them: which files a path means, rows of JSON Lines, JSON and CSV
/// (other formats are found by `ServiceLoader`), and what kind of training record a row is.
///
/// Nothing here knows a tokenizer; that is the package above.
@NullMarked
package dev.fettle.text.records;

import org.jspecify.annotations.NullMarked;
