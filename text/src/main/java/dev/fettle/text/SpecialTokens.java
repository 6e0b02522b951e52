package dev.fettle.text;

import org.jspecify.annotations.Nullable;

/// The special tokens a tokenizer names, each null where it names none or an unknown one.
public record SpecialTokens(
    @Nullable String bos,
    @Nullable Integer bosId,
    @Nullable String eos,
    @Nullable Integer eosId,
    @Nullable String pad,
    @Nullable Integer padId,
    @Nullable String unk,
    @Nullable Integer unkId) {}
