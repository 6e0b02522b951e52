package dev.fettle.engine;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// A native tensor on the engine's device. Operations are those of PyTorch under their PyTorch
/// names, with a trailing underscore written as `InPlace`; each result belongs to the current
/// {@link Scope}.
///
/// Nothing here records gradients: see {@link Tape}.
public final class Tensor implements AutoCloseable {
  private final org.bytedeco.pytorch.Tensor raw;
  private final long[] dims;
  private final DType dtype;
  private @Nullable Scope owner;

  private Tensor(org.bytedeco.pytorch.Tensor raw) {
    this.raw = raw;
    this.dims = new long[Math.toIntExact(raw.dim())];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = raw.size(i);
    }
    this.dtype = Native.dtype(raw.scalar_type().value);
  }

  /// Wraps a result that LibTorch returned by value and gives it to the current scope.
  static Tensor wrap(org.bytedeco.pytorch.Tensor raw) {
    Tensor tensor = new Tensor(raw);
    Scope.current().adopt(tensor);
    return tensor;
  }

  org.bytedeco.pytorch.Tensor raw() {
    if (raw.isNull()) {
      throw new IllegalStateException(
          "this tensor " + shape() + " was already freed with its scope");
    }
    return raw;
  }

  @Nullable Scope owner() {
    return owner;
  }

  void owner(@Nullable Scope scope) {
    owner = scope;
  }

  /// Takes the tensor out of its scope: it lives until {@link #close} or until a scope adopts it.
  public Tensor release() {
    owner = null;
    return this;
  }

  /// Frees this handle; memory shared with views lives until the last of them is freed. Idempotent.
  @Override
  public void close() {
    owner = null;
    if (!raw.isNull()) {
      raw.deallocate();
    }
  }

  // ---- description

  public DType dtype() {
    return dtype;
  }

  public Shape shape() {
    return Shape.of(dims);
  }

  public int rank() {
    return dims.length;
  }

  /// Dimension `axis`; negative counts from the end.
  public long size(int axis) {
    return dims[axis < 0 ? dims.length + axis : axis];
  }

  public long elements() {
    long count = 1;
    for (long dim : dims) {
      count *= dim;
    }
    return count;
  }

  /// The tensor's own memory, for kernels: row-major, valid while the tensor lives.
  ///
  /// @throws IllegalStateException if the tensor is not contiguous
  public MemorySegment segment() {
    if (!raw().is_contiguous()) {
      throw new IllegalStateException(
          "a kernel needs a contiguous tensor, got a strided " + shape());
    }
    long bytes = elements() * dtype.bytes();
    if (bytes == 0) {
      return MemorySegment.NULL; // an empty tensor has no address
    }
    return MemorySegment.ofAddress(raw.data_ptr().address()).reinterpret(bytes);
  }

  /// Whether both begin at the same address, as a view of the whole does.
  public boolean sharesMemoryWith(Tensor other) {
    return raw().data_ptr().address() == other.raw().data_ptr().address();
  }

  /// A copy in host memory that does not depend on any scope.
  public HostTensor toHost() {
    try (Scope scope = Scope.open()) {
      MemorySegment source = contiguous().segment();
      byte[] copy = new byte[Math.toIntExact(source.byteSize())];
      MemorySegment.copy(source, 0, MemorySegment.ofArray(copy), 0, copy.length);
      return HostTensor.of(copy, dtype, dims);
    }
  }

  /// This tensor's memory as a host tensor, without a copy; valid while the tensor lives.
  ///
  /// @throws IllegalStateException if the tensor is not contiguous
  public HostTensor hostView() {
    return new HostTensor(dtype, shape(), segment());
  }

  /// All elements as float32, row-major.
  public float[] toFloats() {
    try (Scope scope = Scope.open()) {
      Tensor floats = to(DType.F32).contiguous();
      float[] copy = new float[Math.toIntExact(elements())];
      MemorySegment.copy(
          floats.segment(), 0, MemorySegment.ofArray(copy), 0, copy.length * (long) Float.BYTES);
      return copy;
    }
  }

  /// All elements of an I64 tensor, row-major.
  public long[] toLongs() {
    try (Scope scope = Scope.open()) {
      return contiguous().segment().toArray(HostTensor.I64_LAYOUT);
    }
  }

  /// The only element of a one-element tensor.
  public double item() {
    try (Scalar scalar = raw().item()) {
      return scalar.toDouble();
    }
  }

  // ---- views

  public Tensor view(long... shape) {
    return wrap(raw().view(shape));
  }

  /// Another handle on the same memory.
  public Tensor alias() {
    return view(dims);
  }

  public Tensor reshape(long... shape) {
    return wrap(raw().reshape(shape));
  }

  public Tensor transpose(long a, long b) {
    return wrap(raw().transpose(a, b));
  }

  /// The transpose of a matrix.
  public Tensor t() {
    return transpose(0, 1);
  }

  public Tensor permute(long... axes) {
    return wrap(raw().permute(axes));
  }

  public Tensor narrow(int axis, long start, long length) {
    return wrap(raw().narrow(axis, start, length));
  }

  public Tensor expand(long... shape) {
    return wrap(raw().expand(shape));
  }

  public Tensor contiguous() {
    return wrap(raw().contiguous());
  }

  /// All leading axes folded into one: `[..., n]` becomes `[rows, n]`.
  public Tensor rows() {
    return view(-1, size(-1));
  }

  // ---- copying

  /// A copy of dtype `target`, or this tensor itself if it already has it.
  public Tensor to(DType target) {
    return target == dtype ? this : wrap(raw().to(Native.scalarType(target)));
  }

  public Tensor copy() {
    return wrap(torch.clone(raw()));
  }

  public Tensor copyInPlace(Tensor source) {
    raw().copy_(source.raw());
    return this;
  }

  public Tensor zeroInPlace() {
    raw().zero_();
    return this;
  }

  // ---- element by element

  public Tensor add(Tensor other) {
    return wrap(raw().add(other.raw()));
  }

  public Tensor add(double value) {
    try (Scalar scalar = Native.scalar(value)) {
      return wrap(raw().add(scalar));
    }
  }

  public Tensor addInPlace(Tensor other) {
    raw().add_(other.raw());
    return this;
  }

  /// `this += alpha * other`
  public Tensor addInPlace(Tensor other, double alpha) {
    try (Scalar scalar = Native.scalar(alpha)) {
      raw().add_(other.raw(), scalar);
    }
    return this;
  }

  public Tensor addInPlace(double value) {
    try (Scalar scalar = Native.scalar(value)) {
      raw().add_(scalar);
    }
    return this;
  }

  public Tensor sub(Tensor other) {
    return wrap(raw().sub(other.raw()));
  }

  public Tensor subInPlace(Tensor other) {
    raw().sub_(other.raw());
    return this;
  }

  public Tensor mul(Tensor other) {
    return wrap(raw().mul(other.raw()));
  }

  public Tensor mul(double value) {
    try (Scalar scalar = Native.scalar(value)) {
      return wrap(raw().mul(scalar));
    }
  }

  public Tensor mulInPlace(Tensor other) {
    raw().mul_(other.raw());
    return this;
  }

  public Tensor mulInPlace(double value) {
    try (Scalar scalar = Native.scalar(value)) {
      raw().mul_(scalar);
    }
    return this;
  }

  public Tensor div(Tensor other) {
    return wrap(raw().div(other.raw()));
  }

  public Tensor divInPlace(double value) {
    try (Scalar scalar = Native.scalar(value)) {
      raw().div_(scalar);
    }
    return this;
  }

  /// `this += value * a * b`
  public Tensor addcmulInPlace(Tensor a, Tensor b, double value) {
    try (Scalar scalar = Native.scalar(value)) {
      raw().addcmul_(a.raw(), b.raw(), scalar);
    }
    return this;
  }

  /// `this += value * a / b`
  public Tensor addcdivInPlace(Tensor a, Tensor b, double value) {
    try (Scalar scalar = Native.scalar(value)) {
      raw().addcdiv_(a.raw(), b.raw(), scalar);
    }
    return this;
  }

  public Tensor lerpInPlace(Tensor end, double weight) {
    try (Scalar scalar = Native.scalar(weight)) {
      raw().lerp_(end.raw(), scalar);
    }
    return this;
  }

  /// The part on and above diagonal `offset` of a matrix; the rest is 0.
  public Tensor triu(long offset) {
    return wrap(raw().triu(offset));
  }

  /// The part on and below diagonal `offset` of a matrix; the rest is 0.
  public Tensor tril(long offset) {
    return wrap(raw().tril(offset));
  }

  public Tensor neg() {
    return wrap(raw().neg());
  }

  public Tensor sqrt() {
    return wrap(raw().sqrt());
  }

  public Tensor rsqrt() {
    return wrap(raw().rsqrt());
  }

  public Tensor exp() {
    return wrap(raw().exp());
  }

  public Tensor expInPlace() {
    raw().exp_();
    return this;
  }

  public Tensor cos() {
    return wrap(raw().cos());
  }

  public Tensor sin() {
    return wrap(raw().sin());
  }

  /// 1 where `this < value`, else 0, as booleans.
  public Tensor lessThan(double value) {
    try (Scalar scalar = Native.scalar(value)) {
      return wrap(raw().lt(scalar));
    }
  }

  // ---- reductions

  /// Mean over `axis`, which stays with length 1.
  public Tensor mean(int axis) {
    return wrap(raw().mean(new long[] {axis}, true, Native.NO_DTYPE));
  }

  /// Sum over `axis`, which stays with length 1 if `keepDim`.
  public Tensor sum(int axis, boolean keepDim) {
    return wrap(raw().sum(new long[] {axis}, keepDim, Native.NO_DTYPE));
  }

  public Tensor sum() {
    return wrap(raw().sum());
  }

  public Tensor logSumExp(int axis) {
    return wrap(raw().logsumexp(new long[] {axis}, true));
  }

  /// Index of the largest element along the last axis; I64.
  public Tensor argmax() {
    try (LongOptional axis = new LongOptional(-1)) {
      return wrap(raw().argmax(axis, false));
    }
  }

  /// Softmax over the last axis, computed and returned in `target`.
  public Tensor softmax(DType target) {
    try (ScalarTypeOptional type = new ScalarTypeOptional(Native.scalarType(target))) {
      return wrap(torch.softmax(raw(), -1, type));
    }
  }

  public Tensor logSoftmax() {
    return wrap(torch.log_softmax(raw(), -1));
  }

  /// Whether every element is finite.
  public boolean allFinite() {
    try (Scope scope = Scope.open()) {
      return wrap(wrap(raw().isfinite()).raw().all()).item() != 0;
    }
  }

  // ---- matrix products

  /// Matrix product with PyTorch's broadcasting of leading axes.
  public Tensor matmul(Tensor other) {
    return wrap(raw().matmul(other.raw()));
  }

  /// `this · weightᵀ`, weight `[out, in]`.
  public Tensor linear(Tensor weight) {
    return wrap(torch.linear(raw(), weight.raw()));
  }

  /// `this · other` of I8 matrices, each product and sum exact in int32: I32.
  public Tensor intMatmul(Tensor other) {
    return wrap(DispatchedOperations.intMatmul(raw(), other.raw()));
  }

  /// Batched product of `[b, n, k]` and `[b, k, m]`.
  public Tensor bmm(Tensor other) {
    return wrap(raw().bmm(other.raw()));
  }

  /// `this += alpha * a · b`, all matrices.
  public Tensor addmmInPlace(Tensor a, Tensor b, double alpha) {
    try (Scalar one = Native.scalar(1);
        Scalar scalar = Native.scalar(alpha)) {
      raw().addmm_(a.raw(), b.raw(), one, scalar);
    }
    return this;
  }

  // ---- indexing

  /// Rows (along `axis`) at the I64 positions of `index`.
  public Tensor indexSelect(int axis, Tensor index) {
    return wrap(raw().index_select(axis, index.raw()));
  }

  /// `this[index[i]] += source[i]` along axis 0; deterministic on the CPU.
  public Tensor indexAddInPlace(Tensor index, Tensor source) {
    raw().index_add_(0, index.raw(), source.raw());
    return this;
  }

  /// `this[index[i]] = source[i]` along axis 0.
  public Tensor indexCopyInPlace(Tensor index, Tensor source) {
    raw().index_copy_(0, index.raw(), source.raw());
    return this;
  }

  /// The elements at the I64 positions of `index` along `axis`.
  public Tensor gather(int axis, Tensor index) {
    return wrap(raw().gather(axis, index.raw()));
  }

  /// `this[i][index[i][j]] += source[i][j]` along `axis`.
  public Tensor scatterAddInPlace(int axis, Tensor index, Tensor source) {
    raw().scatter_add_(axis, index.raw(), source.raw());
    return this;
  }

  // ---- activations

  /// `x · sigmoid(x)`; Elfwing et al. 2017, arXiv:1702.03118.
  public Tensor silu() {
    return wrap(torch.silu(raw()));
  }

  /// The gradient of {@link #silu} at `this` for the output gradient `grad`.
  public Tensor siluBackward(Tensor grad) {
    return wrap(torch.silu_backward(grad.raw(), raw()));
  }

  /// `½ x (1 + erf(x / √2))`, or its approximation by tanh; Hendrycks & Gimpel 2016,
  /// arXiv:1606.08415.
  public Tensor gelu(boolean byTanh) {
    return wrap(torch.gelu(raw(), byTanh ? "tanh" : "none"));
  }

  /// The gradient of {@link #gelu} at `this` for the output gradient `grad`.
  public Tensor geluBackward(Tensor grad, boolean byTanh) {
    return wrap(torch.gelu_backward(grad.raw(), raw(), byTanh ? "tanh" : "none"));
  }

  public Tensor tanhInPlace() {
    raw().tanh_();
    return this;
  }

  @Override
  public String toString() {
    return dtype + " " + shape();
  }
}
