/// One trainer for full, LoRA and QLoRA training: optimizer, schedule, evaluation, checkpoints,
/// exact resume.
///
/// Reading order: {@link dev.fettle.finetune.Finetune}, {@link dev.fettle.finetune.Trainer}.
@NullMarked
package dev.fettle.finetune;

import org.jspecify.annotations.NullMarked;
