/// What every parser does with hostile files. A target takes any bytes; the fuzzer looks for bytes
/// that break its promise ([HostileInput]), and the corpus beside the targets keeps what it found.
@NullMarked
package dev.fettle.fuzz;

import org.jspecify.annotations.NullMarked;
