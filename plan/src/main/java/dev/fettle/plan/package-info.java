/// What a piece of work needs before it starts: peak memory, time, and what would fit if it does
/// not. Arithmetic over a configuration and options; weights are never read.
@NullMarked
package dev.fettle.plan;

import org.jspecify.annotations.NullMarked;
