@NullMarked
package dev.fettle.checkpoint.hub;

import org.jspecify.annotations.NullMarked;
