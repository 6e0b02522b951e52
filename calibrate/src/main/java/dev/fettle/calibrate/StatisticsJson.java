package dev.fettle.calibrate;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.observe.Histogram;
import dev.fettle.quantize.observe.Range;
import dev.fettle.quantize.observe.RangeStatistics;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The file of statistics:
///
/// ```
/// {"format": "fettle-activation-statistics", "version": 1,
///  "model": {"path", "fingerprint", "compute_dtype"},
///  "runs": [{"data", "sha256", "samples", "tokens", "seq_length", "batch_size", "nan_policy"}],
///  "layers": {"model.layers.0.self_attn.q_proj": {
///    "tokens", "count", "nan", "infinite", "min", "max",
///    "outlier_channels": [those in which a magnitude reaches 6],
///    "batch_min": [...], "batch_max": [...],
///    "histogram": {"width_exponent": -7, "negative": [counts by magnitude], "positive": [...]},
///    "channel_absmax": [...], "channel_mean_abs": [...], "channel_mean_square": [...]}}}
/// ```
///
/// Numbers are exact: float32 are written as the float64 of the same value. `min`, `max` and
/// `outlier_channels` are for people; they follow from the rest.
final class StatisticsJson {
  static final String FORMAT = "fettle-activation-statistics";
  static final int VERSION = 1;

  private StatisticsJson() {}

  static ObjectNode toJson(ActivationStatistics statistics) {
    ObjectNode json = Json.object().put("format", FORMAT).put("version", VERSION);
    ActivationStatistics.Model model = statistics.model();
    json.putObject("model")
        .put("path", model.path())
        .put("fingerprint", model.fingerprint())
        .put("compute_dtype", model.computeDtype().torchName());
    ArrayNode runs = json.putArray("runs");
    for (ActivationStatistics.Run run : statistics.runs()) {
      runs.addObject()
          .put("data", run.data())
          .put("sha256", run.sha256())
          .put("samples", run.samples())
          .put("tokens", run.tokens())
          .put("seq_length", run.seqLength())
          .put("batch_size", run.batchSize())
          .put("nan_policy", run.nanPolicy().name().toLowerCase(Locale.ROOT));
    }
    ObjectNode layers = json.putObject("layers");
    statistics.layers().forEach((path, layer) -> layers.set(path, toJson(layer)));
    return json;
  }

  private static ObjectNode toJson(LayerStatistics layer) {
    RangeStatistics ranges = layer.ranges();
    ChannelStatistics channels = layer.channels();
    Range all = ranges.range();
    ObjectNode json =
        Json.object()
            .put("tokens", channels.tokens())
            .put("count", ranges.count())
            .put("nan", ranges.nan())
            .put("infinite", ranges.infinite())
            .put("min", (double) all.min())
            .put("max", (double) all.max());
    ArrayNode outliers = json.putArray("outlier_channels");
    for (int channel : channels.outliers(ChannelStatistics.OUTLIER)) {
      outliers.add(channel);
    }
    ArrayNode min = json.putArray("batch_min");
    ArrayNode max = json.putArray("batch_max");
    for (Range batch : ranges.batches()) {
      min.add((double) batch.min());
      max.add((double) batch.max());
    }
    ObjectNode histogram =
        json.putObject("histogram").put("width_exponent", ranges.histogram().exponent());
    put(histogram, "negative", ranges.histogram().negative());
    put(histogram, "positive", ranges.histogram().positive());
    ArrayNode absMax = json.putArray("channel_absmax");
    for (float value : channels.absMax()) {
      absMax.add((double) value);
    }
    put(json, "channel_mean_abs", channels.meanAbs());
    put(json, "channel_mean_square", channels.meanSquare());
    return json;
  }

  private static void put(ObjectNode json, String key, long[] values) {
    ArrayNode array = json.putArray(key);
    for (long value : values) {
      array.add(value);
    }
  }

  private static void put(ObjectNode json, String key, double[] values) {
    ArrayNode array = json.putArray(key);
    for (double value : values) {
      array.add(value);
    }
  }

  static ActivationStatistics parse(ObjectNode json, String source) {
    if (!json.path("format").asString("").equals(FORMAT)) {
      throw new UserException(
          "%s is no file of activation statistics; expected what fettle calibrate --output writes."
              .formatted(source));
    }
    if (json.path("version").asInt(0) != VERSION) {
      throw new UserException(
          "%s has version %s of the statistics, this Fettle reads version %d; calibrate again."
              .formatted(source, json.path("version"), VERSION));
    }
    try {
      return read(json, source);
    } catch (IllegalArgumentException | tools.jackson.core.JacksonException e) {
      throw new UserException(
          "%s is damaged (%s); calibrate again.".formatted(source, firstLine(e)), e);
    }
  }

  private static String firstLine(RuntimeException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("no details");
  }

  private static ActivationStatistics read(ObjectNode json, String source) {
    JsonNode model = json.required("model");
    List<ActivationStatistics.Run> runs = new ArrayList<>();
    for (JsonNode run : json.required("runs")) {
      runs.add(
          new ActivationStatistics.Run(
              run.required("data").stringValue(),
              run.required("sha256").stringValue(),
              run.required("samples").intValue(),
              run.required("tokens").longValue(),
              run.required("seq_length").intValue(),
              run.required("batch_size").intValue(),
              NanPolicy.parse(run.required("nan_policy").stringValue())));
    }
    SequencedMap<String, LayerStatistics> layers = ActivationStatistics.newLayers();
    for (Map.Entry<String, JsonNode> entry : json.required("layers").properties()) {
      layers.put(entry.getKey(), layer(entry.getKey(), entry.getValue()));
    }
    return new ActivationStatistics(
        source,
        new ActivationStatistics.Model(
            model.required("path").stringValue(),
            model.required("fingerprint").stringValue(),
            DType.parse(model.required("compute_dtype").stringValue())),
        runs,
        layers);
  }

  private static LayerStatistics layer(String path, JsonNode json) {
    double[] min = doubles(json.required("batch_min"));
    double[] max = doubles(json.required("batch_max"));
    List<Range> batches = new ArrayList<>();
    for (int i = 0; i < min.length; i++) {
      batches.add(new Range((float) min[i], (float) max[i]));
    }
    JsonNode histogram = json.required("histogram");
    RangeStatistics ranges =
        RangeStatistics.of(
            json.required("count").longValue(),
            json.required("nan").longValue(),
            json.required("infinite").longValue(),
            batches,
            Histogram.of(
                histogram.required("width_exponent").intValue(),
                longs(histogram.required("negative")),
                longs(histogram.required("positive"))));
    return new LayerStatistics(path, ranges, channels(json));
  }

  private static ChannelStatistics channels(JsonNode json) {
    long tokens = json.required("tokens").longValue();
    double[] wide = doubles(json.required("channel_absmax"));
    float[] absMax = new float[wide.length];
    for (int i = 0; i < wide.length; i++) {
      absMax[i] = (float) wide[i];
    }
    return new ChannelStatistics(
        tokens,
        absMax,
        sums(json.required("channel_mean_abs"), tokens),
        sums(json.required("channel_mean_square"), tokens));
  }

  private static double[] sums(JsonNode means, long tokens) {
    double[] sums = doubles(means);
    for (int i = 0; i < sums.length; i++) {
      sums[i] *= tokens;
    }
    return sums;
  }

  private static double[] doubles(JsonNode array) {
    double[] values = new double[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).doubleValue();
    }
    return values;
  }

  private static long[] longs(JsonNode array) {
    long[] values = new long[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).longValue();
    }
    return values;
  }
}
