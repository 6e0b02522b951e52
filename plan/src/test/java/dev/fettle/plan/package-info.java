@NullMarked
package dev.fettle.plan;

import org.jspecify.annotations.NullMarked;
