"""Dice and IoU by nnU-Net's own compute_metrics (and by a few lines of numpy), distances by MONAI's functions.

Argument: a JSON object (MetricsSetting in tests/bench/metrics/setting.ts); prints one JSON line. The counterpart of
tests/bench/metrics/metrics-process.ts: same files, same classes, same way of timing.
"""

import json
import os
import statistics
import sys
import time
import warnings
from importlib.util import find_spec

import numpy
from nnunetv2.evaluation.evaluate_predictions import compute_metrics
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO


class InMemory:
    """nnU-Net's reader, were the files read already."""

    def __init__(self, arrays: dict) -> None:
        self.arrays = arrays

    def read_seg(self, name: str):
        return self.arrays[name], {}


def overlaps_of(metrics: dict) -> dict:
    by_class = metrics["metrics"].values()
    return {
        "dice": [number(one["Dice"]) for one in by_class],
        "iou": [number(one["IoU"]) for one in by_class],
    }


def number(value) -> float | None:
    value = float(value)
    return value if numpy.isfinite(value) else None


def by_numpy(prediction: numpy.ndarray, truth: numpy.ndarray, values: list) -> dict:
    dice, iou = [], []
    for value in values:
        a, b = prediction == value, truth == value
        both, total = numpy.count_nonzero(a & b), numpy.count_nonzero(a) + numpy.count_nonzero(b)
        dice.append(2 * both / total if total else None)
        iou.append(both / (total - both) if total else None)
    return {"dice": dice, "iou": iou}


def by_monai(prediction: numpy.ndarray, truth: numpy.ndarray, values: list, setting: dict):
    """A function that computes what Voxhelm's evaluateCase does of distances; masks are made before, class by class."""
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

    # SimpleITK's arrays are z, y, x; MONAI wants numbers of one type.
    spacing = [float(size) for size in reversed(setting["spacingMm"])]
    pairs = [
        tuple(torch.from_numpy(map == value)[None, None] for map in (prediction, truth)) for value in values
    ]
    common = {"include_background": True, "spacing": spacing}

    def compute() -> dict:
        scores = {"hdMm": [], "hd95Mm": [], "assdMm": [], "surfaceDice": []}
        for a, b in pairs:
            scores["hdMm"].append(compute_hausdorff_distance(a, b, **common).item())
            scores["hd95Mm"].append(compute_hausdorff_distance(a, b, percentile=95, **common).item())
            scores["assdMm"].append(compute_average_surface_distance(a, b, symmetric=True, **common).item())
            tolerance = [setting["toleranceMm"]]
            scores["surfaceDice"].append(compute_surface_dice(a, b, class_thresholds=tolerance, **common).item())
        return scores

    return compute


def measure(part: str, by: str, call, measure_ms: float) -> dict:
    started = time.perf_counter()
    scores = call()
    first = (time.perf_counter() - started) * 1000
    times = []
    until = time.perf_counter() + measure_ms / 1000
    while time.perf_counter() < until:
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1000)
    return {"part": part, "by": by, "firstMs": first, "ms": statistics.median(times or [first]), "scores": scores}


def main() -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)  # MONAI's, of its own calls
    setting = json.loads(sys.argv[1])
    values = list(range(1, setting["classes"] + 1))
    prediction_file, truth_file = (os.path.join(setting[name], setting["file"]) for name in ("predictions", "labels"))
    reader = SimpleITKIO()
    as_read = {name: reader.read_seg(name)[0] for name in (prediction_file, truth_file)}
    as_bytes = {name: array.astype(numpy.uint8) for name, array in as_read.items()}

    def nnunet(io):
        return lambda: overlaps_of(compute_metrics(truth_file, prediction_file, io, values))

    calls = {
        "overlaps": [
            ("nnU-Net, float32 as its readers give", nnunet(InMemory(as_read))),
            ("nnU-Net, uint8", nnunet(InMemory(as_bytes))),
            ("numpy", lambda: by_numpy(as_bytes[prediction_file], as_bytes[truth_file], values)),
        ],
        "files": [("nnU-Net", nnunet(reader))],
        "distances": [],
    }
    if "distances" in setting["parts"] and find_spec("monai") is not None:
        calls["distances"] = [("MONAI", by_monai(as_bytes[prediction_file][0], as_bytes[truth_file][0], values, setting))]
    measured = [
        measure(part, by, call, setting["measureMs"]) for part in setting["parts"] for by, call in calls[part]
    ]
    print(json.dumps({"measured": measured}))


main()
