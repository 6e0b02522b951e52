package dev.fettle.checkpoint;

import dev.fettle.tensor.HostTensor;
import java.util.SequencedMap;

/// Named tensors that can be looked at one by one: a safetensors file or a whole model folder.
public interface TensorSource extends AutoCloseable {
  /// All tensors by name, in the order of the data on disk.
  SequencedMap<String, TensorInfo> infos();

  /// The tensor as a read-only view of the mapped file; nothing is copied. The view ends with
  /// `close()`.
  ///
  /// @throws dev.fettle.tensor.UserException if there is no tensor of this name
  HostTensor tensor(String name);

  /// Unmaps the files; every tensor handed out becomes unusable.
  @Override
  void close();
}
