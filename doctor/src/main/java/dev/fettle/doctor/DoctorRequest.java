package dev.fettle.doctor;

import dev.fettle.text.DatasetOptions;
import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What to examine.
///
/// @param model a folder or GGUF file; null for the machine alone
/// @param data training files, or null
/// @param dataset how they become samples
/// @param adapter a PEFT folder or GGUF adapter for the model, or null
/// @param gguf a GGUF file that should be the same model, or null
/// @param deep whether every number of the weights is looked at, instead of samples
public record DoctorRequest(
    @Nullable Path model,
    @Nullable DataFiles data,
    DatasetOptions dataset,
    @Nullable Path adapter,
    @Nullable Path gguf,
    boolean deep) {}
