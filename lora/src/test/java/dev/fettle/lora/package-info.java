@NullMarked
package dev.fettle.lora;

import org.jspecify.annotations.NullMarked;
