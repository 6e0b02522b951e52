package dev.fettle.text.jinja;

import dev.fettle.text.TextSpan;
import java.util.List;

/// What a template wrote.
///
/// @param text all of it
/// @param generated where the `generation` blocks stand in it, in order; blocks inside macros,
///   whose text can end up anywhere, are not among them
public record Rendering(String text, List<TextSpan> generated) {}
