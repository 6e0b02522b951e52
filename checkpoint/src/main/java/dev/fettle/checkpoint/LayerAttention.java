package dev.fettle.checkpoint;

import org.jspecify.annotations.Nullable;

/// How one layer of a decoder attends.
///
/// @param window tokens a query sees, itself included: those at a distance below the window; null
///   for all before it
/// @param rotary null for a layer that does not know positions
public record LayerAttention(@Nullable Integer window, @Nullable Rotary rotary) {}
