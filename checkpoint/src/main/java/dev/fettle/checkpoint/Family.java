package dev.fettle.checkpoint;

import tools.jackson.databind.node.ObjectNode;

/// A model family: what its `config.json` means, and how it is written. Everything else follows
/// from the [ModelConfig]; a new family is one class in [dev.fettle.checkpoint.family].
public interface Family {
  /// The value of `model_type`.
  String modelType();

  /// The class in transformers, the value of `architectures`.
  String className();

  /// Reads a configuration; absent keys have the values transformers gives them.
  ///
  /// @throws dev.fettle.tensor.UserException if a required key is missing, has the wrong type, or
  ///   demands what is not supported
  ModelConfig parse(ConfigKeys keys);

  /// Adds the keys that not all families share, so that [#parse] gives an equal configuration.
  void describe(ModelConfig config, ObjectNode json);
}
