/// The small world of the embedded model: English-like prose that Fettle writes itself, and
/// questions about the same facts in a form that the prose never shows. No third-party text.
@NullMarked
package dev.fettle.demo.world;

import org.jspecify.annotations.NullMarked;
