/// One class per model family: what its `config.json` means. [Families] lists them.
@NullMarked
package dev.fettle.checkpoint.family;

import org.jspecify.annotations.NullMarked;
