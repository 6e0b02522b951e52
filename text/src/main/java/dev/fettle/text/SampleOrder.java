package dev.fettle.text;

/// Which sample stands at each place of an endless run over a dataset.
public sealed interface SampleOrder permits SequentialOrder, ShuffledOrder {

  /// The sample at place `position`, counted from the start of training. Every stretch of `size`
  /// places that starts at a multiple of it, an epoch, holds each sample once.
  int at(long position);

  /// How many samples there are.
  int size();
}
