package dev.fettle.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/// Records coarse steps (a projection, a norm, an attention) with gradients written by hand, and
/// runs them backwards.
///
/// LibTorch's own autograd keeps every intermediate of every primitive operation and cannot be
/// extended from Java; a step here keeps exactly what its gradient needs, and a frozen quantized
/// weight costs nothing between the forward and the backward pass because the step dequantizes it
/// again.
///
/// A tape made by {@link #inference} records nothing, so one forward pass serves training and
/// generation.
public final class Tape implements AutoCloseable {
  private final boolean recording;
  private final List<Runnable> steps = new ArrayList<>();
  private final List<Scope> kept = new ArrayList<>();

  private Tape(boolean recording) {
    this.recording = recording;
  }

  public static Tape training() {
    return new Tape(true);
  }

  public static Tape inference() {
    return new Tape(false);
  }

  public boolean recording() {
    return recording;
  }

  /// Remembers how to send a step's gradient back. Steps run in reverse order, each in a scope of
  /// its own.
  public void record(Runnable backward) {
    if (recording) {
      steps.add(backward);
    }
  }

  /// Runs a block of steps. Its output belongs to the current scope.
  ///
  /// While recording, what the block's steps saved is freed as soon as the gradient has passed the
  /// block. With `recompute`, nothing is saved at all but the input: the block runs again when its
  /// gradient is due (Chen et al. 2016, arXiv:1604.06174); the gradients are the same to the bit.
  public Var block(Var input, boolean recompute, BiFunction<Tape, Var, Var> body) {
    if (!recording) {
      return throughBlock(this, input, body, input.needsGrad());
    }
    return recompute ? recomputed(input, body) : saved(input, body);
  }

  private static Var throughBlock(
      Tape tape, Var input, BiFunction<Tape, Var, Var> body, boolean needsGrad) {
    try (Scope scope = Scope.open()) {
      return Var.of(scope.keep(body.apply(tape, input).value()), needsGrad);
    }
  }

  private Var saved(Var input, BiFunction<Tape, Var, Var> body) {
    Scope activations = Scope.detached();
    kept.add(activations);
    steps.add(activations::close); // the first recorded is the last to run
    Scope outer = Scope.current();
    try (Scope.Entered entered = activations.enter()) {
      Var output = body.apply(this, input);
      outer.adopt(output.value());
      return output;
    }
  }

  private Var recomputed(Var input, BiFunction<Tape, Var, Var> body) {
    Var output = throughBlock(Tape.inference(), input, body, true);
    steps.add(() -> {
      try (Tape again = Tape.training()) {
        Var leaf = Var.of(input.value(), input.needsGrad());
        Var twin = body.apply(again, leaf);
        Tensor grad = output.takeGrad();
        if (twin.needsGrad()) {
          twin.accumulate(grad);
          again.backward();
          if (leaf.needsGrad()) {
            input.accumulate(leaf.takeGrad());
          }
        }
      }
    });
    return output;
  }

  /// Runs the steps backwards, once; the gradient of the last output must already have been
  /// accumulated.
  public void backward() {
    for (int i = steps.size() - 1; i >= 0; i--) {
      try (Scope scope = Scope.open()) {
        steps.get(i).run();
      }
    }
    steps.clear();
  }

  /// Frees what is still saved, also when the backward pass was never run.
  @Override
  public void close() {
    kept.forEach(Scope::close);
    kept.clear();
    steps.clear();
  }
}
