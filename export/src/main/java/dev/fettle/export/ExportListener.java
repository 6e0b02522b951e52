package dev.fettle.export;

/// Follows an export tensor by tensor.
@FunctionalInterface
public interface ExportListener {
  /// One more tensor is on its way to the file.
  ///
  /// @param tensor its name in the file that is written
  /// @param type the type it is stored in, such as `Q8_0`
  /// @param done tensors up to and including this one
  /// @param count tensors in all
  void tensor(String tensor, String type, int done, int count);

  /// Follows nothing.
  static ExportListener none() {
    return (tensor, type, done, count) -> {};
  }
}
