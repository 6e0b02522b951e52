@NullMarked
package dev.fettle.finetune;

import org.jspecify.annotations.NullMarked;
