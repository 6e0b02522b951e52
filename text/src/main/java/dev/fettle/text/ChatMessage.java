package dev.fettle.text;

/// One turn of a conversation.
///
/// @param role `system`, `user` or `assistant`, or another name that the template knows
public record ChatMessage(String role, String content) {}
