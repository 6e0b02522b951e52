/// Low-rank adapters with the meaning and the files of PEFT: configuration, attaching, the adapter
/// folder, merging and unmerging.
@NullMarked
package dev.fettle.lora;

import org.jspecify.annotations.NullMarked;
