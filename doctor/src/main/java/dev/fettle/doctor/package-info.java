/// Checks of a machine, a model, its tokenizer and a data set, each with what was found and how to
/// mend it. Looks and measures; changes nothing.
@NullMarked
package dev.fettle.doctor;

import org.jspecify.annotations.NullMarked;
