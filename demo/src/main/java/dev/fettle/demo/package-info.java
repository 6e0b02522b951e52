/// The whole line in one command on a model that the repository carries: quantize, fine-tune with
/// LoRA and QLoRA, merge, evaluate, report. Each stage is a call that a program of one's own would
/// make in the same way.
@NullMarked
package dev.fettle.demo;

import org.jspecify.annotations.NullMarked;
