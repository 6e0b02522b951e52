package dev.fettle.calibrate.block;

import dev.fettle.model.Linear;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.HostTensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// Quantizes the layers of a block in the order of the computation: each sees inputs that have
/// passed the quantized layers before it ("true sequential" in the reference implementation of
/// GPTQ).
public final class SequentialAlgorithm implements BlockAlgorithm {
  private final String description;
  private final LayerSolver solver;

  /// @param description the solver with its settings
  public SequentialAlgorithm(String description, LayerSolver solver) {
    this.description = description;
    this.solver = solver;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public boolean quantizedOutputs() {
    return true;
  }

  @Override
  public BlockResult quantize(BlockData data) {
    SequencedMap<String, AffineTensor> weights = new LinkedHashMap<>();
    List<LayerReport> reports = new ArrayList<>();
    for (InputGroup group : data.groups()) {
      if (group.linears().stream().noneMatch(linear -> data.scheme(linear) != null)) {
        continue;
      }
      try (InputMoments moments = data.observe(List.of(group)).firstEntry().getValue();
          LayerSolver.Inputs inputs = solver.prepare(moments)) {
        for (Linear linear : group.linears()) {
          Scheme.Affine scheme = data.scheme(linear);
          if (scheme != null) {
            long start = System.nanoTime();
            HostTensor weight = data.weight(linear);
            LayerProblem problem = data.problem(linear, weight, scheme);
            LayerResult result = inputs.solve(problem);
            weights.put(linear.path(), result.tensor());
            reports.add(data.report(problem, result, moments, start));
            data.replace(linear, result.tensor());
          }
        }
      }
    }
    return new BlockResult(weights, Map.of(), Map.of(), Map.of(), reports);
  }
}
