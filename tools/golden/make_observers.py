"""quantize/.../golden/observers.json: ranges that PyTorch's observers, NVIDIA's histogram calibrators and ONNX
Runtime's percentile rule choose for fixed data.

Thresholds come from the functions of nvidia-modelopt's calib/histogram.py themselves. One repair: its MSE search calls
`fake_tensor_quant(centers, amax, num_bits, unsigned)`, whose third parameter has become a bias in that version, so
the same package's `_tensor_quant(inputs, amax, num_bits, unsigned)` is put in its place.
"""

import json

import modelopt
import numpy as np
import torch
from modelopt.torch.quantization import tensor_quant
from modelopt.torch.quantization.calib import histogram
from torch.ao.quantization.observer import MinMaxObserver, MovingAverageMinMaxObserver

import common

BINS = 2048
SEED = 7


def samples(generator):
    """Streams in batches: both signs, heavy tails, one sign, skewed."""
    normal = generator.standard_normal((8, 5000))
    heavy = generator.standard_t(3, (8, 5000)) * 0.02
    positive = np.maximum(generator.standard_normal((8, 5000)), 0) * 40
    skewed = generator.gamma(1.5, 2.0, (8, 5000)) - 1.0
    uniform = generator.uniform(-3, 5, (8, 5000))
    all_streams = {"normal": normal, "heavy": heavy, "positive": positive, "skewed": skewed, "uniform": uniform}
    return {name: stream.astype(np.float32) for name, stream in all_streams.items()}


def counts(stream):
    """Counts by magnitude and sign in the narrowest bins of 2^exponent that hold the largest magnitude."""
    exponent = int(np.floor(np.log2(np.abs(stream).max()))) + 1 - 11
    bins = np.floor(np.abs(stream.ravel().astype(np.float64)) / 2.0**exponent).astype(np.int64)
    negative = np.bincount(bins[stream.ravel() < 0], minlength=0)
    positive = np.bincount(bins[stream.ravel() >= 0], minlength=0)
    assert max(len(negative), len(positive)) <= BINS
    return exponent, negative, positive


def magnitudes(negative, positive):
    total = np.zeros(max(len(negative), len(positive)), dtype=np.int64)
    total[: len(negative)] += negative
    total[: len(positive)] += positive
    return total


def thresholds(exponent, negative, positive):
    """In units of bins, which are exact."""
    fold = magnitudes(negative, positive)
    edges = np.arange(len(fold) + 1) * 2.0**exponent
    unit = 2.0**-exponent
    one_sided = len(negative) == 0
    result = {"percentile": {}, "entropy": {}, "mse": {}}
    for percentile in (90, 99, 99.9, 99.99, 100):
        amax = histogram._compute_amax_percentile(fold.copy(), edges, percentile)
        result["percentile"][str(percentile)] = amax.item() * unit
    for bits in (8, 6, 4):
        for unsigned in (False, True) if one_sided else (False,):
            start = max(128, 1 << (bits - 1 + unsigned))
            key = f"{'u' if unsigned else ''}int{bits}"
            amax = histogram._compute_amax_entropy(fold.copy(), edges, bits, unsigned, 1, start)
            result["entropy"][key] = amax.item() * unit
            amax = histogram._compute_amax_mse(fold.copy(), edges, bits, unsigned, 1, 128)
            result["mse"][key] = amax.item() * unit
    return result


def asymmetric_percentiles(negative, positive):
    """PercentileCalibrater of onnxruntime/python/tools/quantization/calibrate.py, its rule for symmetric=False."""
    hist = np.concatenate([negative[::-1], positive])
    cdf = np.cumsum(hist / hist.sum())
    result = {}
    for percentile in (90, 99, 99.9, 99.99):
        cut = (100.0 - percentile) / 200.0
        left, right = np.searchsorted(cdf, cut), np.searchsorted(cdf, 1.0 - cut)
        result[str(percentile)] = [int(left) - len(negative), int(right) - len(negative)]
    return result


def observed(observer, stream):
    for batch in stream:
        observer(torch.from_numpy(batch))
    return [observer.min_val.item(), observer.max_val.item()]


def main():
    histogram.fake_tensor_quant = lambda x, amax, bits, unsigned: tensor_quant._tensor_quant(x, amax, bits, unsigned)
    cases = []
    for name, stream in samples(np.random.default_rng(SEED)).items():
        exponent, negative, positive = counts(stream)
        cases.append(
            {
                "name": name,
                "batch_min": [batch.min().item() for batch in stream],
                "batch_max": [batch.max().item() for batch in stream],
                "exponent": exponent,
                "negative": negative.tolist(),
                "positive": positive.tolist(),
                "min_max": observed(MinMaxObserver(), stream),
                "moving_average": {
                    str(constant): observed(MovingAverageMinMaxObserver(averaging_constant=constant), stream)
                    for constant in (0.01, 0.1, 1.0)
                },
                "thresholds": thresholds(exponent, negative, positive),
                "asymmetric_percentile": asymmetric_percentiles(negative, positive),
            }
        )
    target = common.golden_folder("quantize") / "observers.json"
    meta = {**common.metadata(seed=SEED), "nvidia-modelopt": modelopt.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    target.write_text(f'{{"made": {json.dumps(meta)},\n"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
