package dev.fettle.engine;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;

/// Operators without a function in LibTorch's public interface, called through its dispatcher.
final class DispatchedOperations {
  private static final class Holder {
    static final OperatorHandle INT_MM =
        new OperatorHandle(Dispatcher.singleton().findSchemaOrThrow("aten::_int_mm", ""));
  }

  private DispatchedOperations() {}

  /// `a · b` of two matrices of signed bytes, summed in int32.
  static org.bytedeco.pytorch.Tensor intMatmul(
      org.bytedeco.pytorch.Tensor a, org.bytedeco.pytorch.Tensor b) {
    Native.load();
    try (IValueVector stack = new IValueVector();
        IValue first = new IValue(a);
        IValue second = new IValue(b)) {
      stack.push_back(first);
      stack.push_back(second);
      Holder.INT_MM.callBoxed(stack);
      // the stack owns what it returns by reference
      return new org.bytedeco.pytorch.Tensor(stack.get(0).toTensor());
    }
  }
}
