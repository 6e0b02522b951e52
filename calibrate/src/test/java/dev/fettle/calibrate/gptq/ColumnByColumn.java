package dev.fettle.calibrate.gptq;

import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;

/// The definition that GPTQ is a faster way to compute: optimal brain quantization with a fixed
/// order of the columns. Quantize a column, add `−error / [H⁻¹]ᵢᵢ · [H⁻¹]ᵢ,:` to the others, take
/// the column out of `H⁻¹` by one step of Gaussian elimination (Frantar and Alistarh 2022,
/// arXiv:2208.11580, equations 2 to 4). No Cholesky factor, no blocks, no matrix product.
final class ColumnByColumn {
  private ColumnByColumn() {}

  /// @param w one row
  /// @param inverse `H⁻¹` of the damped Hessian, `[in][in]`; overwritten
  /// @param group columns per scale; each group's range is taken when its first column is due
  /// @return the row on the grid
  static float[] quantize(double[] w, double[][] inverse, int group, AffineGrid grid) {
    int n = w.length;
    float[] result = new float[n];
    AffineParameters parameters = new AffineParameters(1, 0);
    for (int i = 0; i < n; i++) {
      if (i % group == 0) {
        float min = Float.POSITIVE_INFINITY;
        float max = Float.NEGATIVE_INFINITY;
        for (int k = i; k < i + group; k++) {
          min = Math.min(min, (float) w[k]);
          max = Math.max(max, (float) w[k]);
        }
        parameters = grid.parameters(min, max);
      }
      result[i] = parameters.dequantize(parameters.quantize((float) w[i], grid));
      double error = (w[i] - result[i]) / inverse[i][i];
      for (int k = i + 1; k < n; k++) {
        w[k] -= error * inverse[i][k];
      }
      eliminate(inverse, i);
    }
    return result;
  }

  private static void eliminate(double[][] inverse, int i) {
    int n = inverse.length;
    for (int r = i + 1; r < n; r++) {
      double factor = inverse[r][i] / inverse[i][i];
      for (int c = i + 1; c < n; c++) {
        inverse[r][c] -= factor * inverse[i][c];
      }
    }
  }

  /// By Gauss-Jordan elimination without pivoting; good enough for a damped Hessian.
  static double[][] inverse(double[][] matrix) {
    int n = matrix.length;
    double[][] a = new double[n][2 * n];
    for (int r = 0; r < n; r++) {
      System.arraycopy(matrix[r], 0, a[r], 0, n);
      a[r][n + r] = 1;
    }
    for (int p = 0; p < n; p++) {
      double pivot = a[p][p];
      for (int c = 0; c < 2 * n; c++) {
        a[p][c] /= pivot;
      }
      for (int r = 0; r < n; r++) {
        double factor = a[r][p];
        for (int c = 0; r != p && c < 2 * n; c++) {
          a[r][c] -= factor * a[p][c];
        }
      }
    }
    double[][] inverse = new double[n][n];
    for (int r = 0; r < n; r++) {
      System.arraycopy(a[r], n, inverse[r], 0, n);
    }
    return inverse;
  }
}
