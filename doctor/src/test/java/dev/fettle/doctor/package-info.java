/// Each check with an illness it must find and a model it must leave alone.
@NullMarked
package dev.fettle.doctor;

import org.jspecify.annotations.NullMarked;
