package dev.fettle.cli;

import dev.fettle.calibrate.ActivationStatistics;
import dev.fettle.calibrate.ChannelStatistics;
import dev.fettle.calibrate.LayerStatistics;
import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.observe.Observer;
import dev.fettle.quantize.observe.Range;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle calibrate` answers: for each layer what was seen and what an observer makes of it.
final class CalibrateAnswer {
  private final ActivationStatistics statistics;
  private final Observer observer;
  private final Scheme.Affine scheme;
  private final List<Row> rows = new ArrayList<>();

  CalibrateAnswer(ActivationStatistics statistics, Observer observer, Scheme.Affine scheme) {
    this.statistics = statistics;
    this.observer = observer;
    this.scheme = scheme;
    for (LayerStatistics layer : statistics.layers().values()) {
      Range chosen = statistics.range(layer.path(), scheme, observer);
      rows.add(new Row(layer, chosen, scheme.grid().parameters(chosen.min(), chosen.max())));
    }
  }

  private record Row(LayerStatistics layer, Range chosen, AffineParameters parameters) {}

  void print(PrintStream out) {
    Table table =
        new Table()
            .left("input of layer")
            .right("min")
            .right("max")
            .right("chosen from")
            .right("to")
            .right("clipped")
            .right("scale")
            .right("zero point")
            .right("outlier channels");
    for (Row row : rows) {
      LayerStatistics layer = row.layer();
      Range seen = layer.ranges().range();
      Range chosen = row.chosen();
      AffineParameters parameters = row.parameters();
      table.row(
          layer.path(),
          number(seen.min()),
          number(seen.max()),
          number(chosen.min()),
          number(chosen.max()),
          clipped(layer, chosen),
          Units.scientific(parameters.scale()),
          Integer.toString(parameters.zeroPoint()),
          "%d of %d"
              .formatted(
                  layer.channels().outliers(ChannelStatistics.OUTLIER).length,
                  layer.channels().channels()));
    }
    table.print(out);
    out.println(
        "%s on %s, %s tokens of %s"
            .formatted(
                observer,
                scheme,
                Units.count(
                    statistics.runs().stream().mapToLong(ActivationStatistics.Run::tokens).sum()),
                statistics.model().path()));
  }

  private static String clipped(LayerStatistics layer, Range chosen) {
    double share = (double) layer.ranges().histogram().outside(chosen) / layer.ranges().count();
    return share == 0 ? "0" : String.format(Locale.ROOT, "%.2g %%", 100 * share);
  }

  private static String number(float value) {
    return String.format(Locale.ROOT, "%.4g", value);
  }

  ObjectNode json() {
    ObjectNode json =
        Json.object()
            .put("model", statistics.model().path())
            .put("fingerprint", statistics.model().fingerprint())
            .put("observer", observer.toString())
            .put("scheme", scheme.toString());
    ArrayNode runs = json.putArray("runs");
    for (ActivationStatistics.Run run : statistics.runs()) {
      runs.addObject()
          .put("data", run.data())
          .put("sha256", run.sha256())
          .put("samples", run.samples())
          .put("tokens", run.tokens());
    }
    ArrayNode layers = json.putArray("layers");
    rows.forEach(row -> layers.add(json(row)));
    return json;
  }

  private static ObjectNode json(Row row) {
    LayerStatistics layer = row.layer();
    Range seen = layer.ranges().range();
    Range chosen = row.chosen();
    AffineParameters parameters = row.parameters();
    ObjectNode json =
        Json.object()
            .put("layer", layer.path())
            .put("count", layer.ranges().count())
            .put("nan", layer.ranges().nan())
            .put("infinite", layer.ranges().infinite())
            .put("min", seen.min())
            .put("max", seen.max())
            .put("chosen_min", chosen.min())
            .put("chosen_max", chosen.max())
            .put("clipped", layer.ranges().histogram().outside(chosen))
            .put("scale", parameters.scale())
            .put("zero_point", parameters.zeroPoint());
    ArrayNode outliers = json.putArray("outlier_channels");
    for (int channel : layer.channels().outliers(ChannelStatistics.OUTLIER)) {
      outliers.add(channel);
    }
    return json;
  }
}
