/// The command line: one class per verb, in the order of the data flow, and the manners they share
/// (help, `--json`, progress, tables, errors, Ctrl-C).
///
/// No logic of its own: each verb turns options into a call of a library module and prints the
/// answer.
@NullMarked
package dev.fettle.cli;

import org.jspecify.annotations.NullMarked;
