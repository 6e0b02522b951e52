/// The formatter check. Build-time only: nothing here is shipped.
@NullMarked
package dev.fettle.style;

import org.jspecify.annotations.NullMarked;
