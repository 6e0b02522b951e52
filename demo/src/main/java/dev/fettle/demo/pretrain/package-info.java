/// Makes the embedded model from nothing: trains the tokenizer, draws random weights and trains all
/// of them with Fettle's own trainer on the text of the small world.
@NullMarked
package dev.fettle.demo.pretrain;

import org.jspecify.annotations.NullMarked;
