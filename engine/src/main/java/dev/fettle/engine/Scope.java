package dev.fettle.engine;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Owns native tensors and frees them together. Every tensor belongs to the innermost open scope of
/// the thread that made it; the garbage collector is never involved.
///
/// ```java
/// Tensor norm(Tensor x) {
///   try (Scope scope = Scope.open()) {
///     Tensor squares = x.mul(x);                  // freed at the brace
///     return scope.keep(squares.mean(-1).rsqrt()); // lives on in the caller's scope
///   }
/// }
/// ```
///
/// A scope made by {@link #detached} is not current until it is entered, may be entered several
/// times, and outlives the block that made it: the activations a backward pass still needs live in
/// such scopes.
public final class Scope implements AutoCloseable {
  private static final ThreadLocal<@Nullable Scope> CURRENT = new ThreadLocal<>();

  private final List<Tensor> tensors = new ArrayList<>();
  private final boolean entered;
  private final @Nullable Scope parent;
  private boolean closed;

  private Scope(boolean entered) {
    this.entered = entered;
    this.parent = entered ? CURRENT.get() : null;
    if (entered) {
      CURRENT.set(this);
    }
  }

  /// Opens a scope and makes it current until it is closed.
  public static Scope open() {
    return new Scope(true);
  }

  /// A scope that is current only inside {@link #enter}.
  public static Scope detached() {
    return new Scope(false);
  }

  /// The innermost open scope of this thread.
  ///
  /// @throws IllegalStateException outside of any scope
  static Scope current() {
    Scope scope = CURRENT.get();
    if (scope == null) {
      throw new IllegalStateException("tensors live in a scope: open one with Scope.open()");
    }
    return scope;
  }

  /// Makes a detached scope current until the returned handle is closed; its tensors stay.
  public Entered enter() {
    if (entered || closed) {
      throw new IllegalStateException("only an open, detached scope can be entered");
    }
    Scope before = CURRENT.get();
    CURRENT.set(this);
    return () -> CURRENT.set(before);
  }

  /// Moves `tensor` from this scope to the enclosing one and returns it.
  ///
  /// @throws IllegalStateException if there is no enclosing scope
  public Tensor keep(Tensor tensor) {
    if (parent == null) {
      throw new IllegalStateException("no enclosing scope to keep the tensor in");
    }
    parent.adopt(tensor);
    return tensor;
  }

  /// Moves `tensor` into this scope, whichever owned it before.
  public Tensor adopt(Tensor tensor) {
    if (tensor.owner() != this) {
      tensor.owner(this);
      tensors.add(tensor);
    }
    return tensor;
  }

  /// Frees every tensor that still belongs to this scope. Idempotent.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    for (Tensor tensor : tensors) {
      if (tensor.owner() == this) {
        tensor.close();
      }
    }
    tensors.clear();
    if (entered) {
      CURRENT.set(parent);
    }
  }

  /// Leaves an entered scope without freeing it.
  public interface Entered extends AutoCloseable {
    @Override
    void close();
  }
}
