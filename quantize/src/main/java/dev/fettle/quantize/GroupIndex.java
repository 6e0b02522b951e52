package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The group of each column of a weight, where groups are not runs of neighbouring columns.
public final class GroupIndex {
  private GroupIndex() {}

  /// The index as a tensor, or null if it says no more than column / group size.
  ///
  /// @param groups one per column
  public static @Nullable HostTensor of(int[] groups, int groupSize) {
    boolean plain = true;
    for (int i = 0; i < groups.length; i++) {
      plain &= groups[i] == i / groupSize;
    }
    return plain ? null : tensor(groups);
  }

  /// The index that says column / group size, as tools store it that always store one.
  public static HostTensor plain(int columns, int groupSize) {
    int[] groups = new int[columns];
    for (int i = 0; i < columns; i++) {
      groups[i] = i / groupSize;
    }
    return tensor(groups);
  }

  private static HostTensor tensor(int[] groups) {
    MemorySegment data = Arena.ofAuto().allocate(4L * groups.length, 64);
    MemorySegment.copy(groups, 0, data, HostTensor.I32_LAYOUT, 0, groups.length);
    return new HostTensor(DType.I32, Shape.of(groups.length), data);
  }

  /// The group of each column.
  ///
  /// @param index I32 `[in]`
  public static int[] read(HostTensor index) {
    int[] groups = new int[Math.toIntExact(index.elements())];
    MemorySegment.copy(index.data(), HostTensor.I32_LAYOUT, 0, groups, 0, groups.length);
    return groups;
  }

  /// As [#read] for an index from a file.
  ///
  /// @param where the tensor and its file, for messages
  /// @param count how many groups there are
  /// @throws UserException if a column's group is none of them
  public static int[] read(HostTensor index, int count, String where) {
    int[] groups = read(index);
    for (int i = 0; i < groups.length; i++) {
      if (groups[i] < 0 || groups[i] >= count) {
        throw new UserException(
            "%s puts column %d into group %d, but there are %d groups; the file is damaged."
                .formatted(where, i, groups[i], count));
      }
    }
    return groups;
  }

  static void check(HostTensor index, Shape weight, Scheme.Affine scheme) {
    if (!(scheme.granularity() instanceof Granularity.PerGroup)
        || index.dtype() != DType.I32
        || !index.shape().equals(Shape.of(weight.dim(1)))) {
      throw new IllegalArgumentException(
          "group index %s %s of %s in %s".formatted(index.dtype(), index.shape(), weight, scheme));
    }
    long groups = scheme.granularity().scaleShape(weight).dim(1);
    read(index, Math.toIntExact(groups), "The group index");
  }
}
