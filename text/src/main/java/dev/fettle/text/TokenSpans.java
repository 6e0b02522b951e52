package dev.fettle.text;

/// Tokens and where they came from.
///
/// @param ids token ids
/// @param starts for each token the index in the text, in UTF-16 units, of its first character
/// @param ends one past its last character; equal to the start for a token that stands for no text
@SuppressWarnings("ArrayRecordComponent") // a carrier between two methods, never compared
public record TokenSpans(int[] ids, int[] starts, int[] ends) {}
