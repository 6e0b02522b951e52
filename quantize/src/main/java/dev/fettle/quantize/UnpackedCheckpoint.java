package dev.fettle.quantize;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MappedPages;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A checkpoint as its architecture sees it: every packed weight appears as the plain tensor it
/// stands for, in the dtype it had before, and is dequantized when it is asked for. What quantizes,
/// merges or converts a model reads it through this view, and so takes every layout.
public final class UnpackedCheckpoint implements AutoCloseable {
  private final Checkpoint stored;
  private final @Nullable DType dtype;
  private final QuantizedWeights packed;
  private final SequencedMap<String, TensorInfo> infos = new LinkedHashMap<>();

  private UnpackedCheckpoint(Checkpoint stored, @Nullable DType dtype) {
    this.stored = stored;
    this.dtype = dtype;
    this.packed = QuantizedWeights.of(stored);
    Map<String, TensorInfo> owners = owners();
    for (TensorInfo info : stored.infos().values()) {
      TensorInfo owner = owners.getOrDefault(info.name(), info);
      infos.putIfAbsent(owner.name(), inDtype(owner));
    }
  }

  private TensorInfo inDtype(TensorInfo info) {
    return dtype == null || !info.dtype().isFloat()
        ? info
        : new TensorInfo(info.name(), dtype, info.shape());
  }

  /// @throws dev.fettle.tensor.UserException if there is no readable model
  public static UnpackedCheckpoint open(Path path) {
    return open(path, null);
  }

  /// As the other `open`, with every weight in one dtype.
  ///
  /// @param dtype F32, F16 or BF16; null leaves each weight its own
  public static UnpackedCheckpoint open(Path path, @Nullable DType dtype) {
    Checkpoint stored = Checkpoint.open(path);
    try {
      return new UnpackedCheckpoint(stored, dtype);
    } catch (RuntimeException e) {
      stored.close();
      throw e;
    }
  }

  /// A view of a checkpoint that the caller closes, or that [#close] closes.
  ///
  /// @throws dev.fettle.tensor.UserException if its quantization is malformed or not supported
  public static UnpackedCheckpoint of(Checkpoint stored) {
    return new UnpackedCheckpoint(stored, null);
  }

  /// The weight that each part of a packed weight belongs to.
  private Map<String, TensorInfo> owners() {
    Map<String, TensorInfo> owners = new HashMap<>();
    if (!isQuantized()) {
      return owners;
    }
    for (TensorInfo demanded : Architecture.of(stored.config()).tensors()) {
      if (packed.isQuantized(demanded.name())) {
        DType dtype = packed.form(demanded.name(), demanded.shape()).originalDtype();
        TensorInfo plain = new TensorInfo(demanded.name(), dtype, demanded.shape());
        packed.parts(demanded.name()).forEach(part -> owners.put(part, plain));
      }
    }
    return owners;
  }

  /// The checkpoint behind the view.
  public Checkpoint stored() {
    return stored;
  }

  /// Its packed weights, with what is known of their inputs.
  public QuantizedWeights packedWeights() {
    return packed;
  }

  /// Where the checkpoint is.
  public Path path() {
    return stored.path();
  }

  /// Whether any weight is packed.
  public boolean isQuantized() {
    return stored.isQuantized();
  }

  /// The configuration without a word about quantization; a copy.
  public ObjectNode configJson() {
    ObjectNode config = stored.configJson();
    config.remove("quantization_config");
    config.remove("fettle");
    if (dtype != null) {
      config.put(config.has("dtype") ? "dtype" : "torch_dtype", dtype.torchName());
    }
    return config;
  }

  /// Names, dtypes and shapes of the weights, in the order of the data on disk.
  public SequencedMap<String, TensorInfo> infos() {
    return Collections.unmodifiableSequencedMap(infos);
  }

  /// The dtype and shape of one weight.
  ///
  /// @throws dev.fettle.tensor.UserException if there is none of this name
  public TensorInfo info(String name) {
    TensorInfo info = infos.get(name);
    return info == null ? stored.info(name) : info;
  }

  /// Whether this weight is packed.
  public boolean isPacked(String name) {
    return packed.isQuantized(name);
  }

  /// The dtype in which scales of integers are written for a weight: the one asked for, else that
  /// of its present scales, else its own.
  public DType scaleDtype(String name) {
    DType present = isPacked(name) ? packed.scaleDtype(name) : null;
    return dtype != null || present == null ? info(name).dtype() : present;
  }

  /// Bytes stored for a weight, scales and all.
  public long storedBytes(String name) {
    return isPacked(name)
        ? packed.parts(name).stream().mapToLong(part -> stored.info(part).bytes()).sum()
        : info(name).bytes();
  }

  /// The format of a weight, or null if it is stored plain.
  public @Nullable PackedForm form(String name) {
    return isPacked(name) ? packed.form(name, info(name).shape()) : null;
  }

  /// The weight as it is packed, or null if it is stored plain.
  public @Nullable QuantizedTensor packed(String name) {
    return isPacked(name) ? packed.read(name, info(name).shape()) : null;
  }

  /// The weight: a view of the mapped file if it is stored so, else dequantized or converted.
  ///
  /// @param allocator where a weight goes that is no view
  /// @throws dev.fettle.tensor.UserException if there is none of this name, or it is malformed
  public HostTensor tensor(String name, SegmentAllocator allocator) {
    return tensor(name, info(name).dtype(), allocator);
  }

  /// As the other `tensor`, in a dtype of choice; F32 holds every weight exactly.
  ///
  /// @param wanted F32, F16 or BF16; ignored for tensors that are no floating-point numbers
  public HostTensor tensor(String name, DType wanted, SegmentAllocator allocator) {
    QuantizedTensor weight = packed(name);
    if (weight == null) {
      return Casts.to(wanted, stored.tensor(name), allocator);
    }
    MemorySegment out = allocator.allocate(weight.shape().elements() * wanted.bytes(), 64);
    weight.dequantize(wanted, out);
    return new HostTensor(wanted, weight.shape(), out);
  }

  /// Lets the system forget the pages of a plain weight that is not needed again soon.
  public void release(String name) {
    if (!isPacked(name)) {
      MappedPages.release(stored.tensor(name).data());
    }
  }

  /// Closes the checkpoint. What a tensor is on disk: the scheme of a packed weight, else the
  /// dtype.
  public String storedFormat(String name) {
    PackedForm form = form(name);
    return form == null ? stored.info(name).dtype().torchName() : form.scheme().toString();
  }

  @Override
  public void close() {
    stored.close();
  }
}
