"""Sliding-window prediction of a folder of images by MONAI's SlidingWindowInferer, files read and written.

Argument: a JSON object (tests/bench/predict/configuration.ts); prints one JSON line. The counterpart of
tests/bench/predict/predict-process.ts: same network, weights, files, normalisation, windows, flips and memory rule.
"""

import json
import os
import struct
import sys
import time

import monai.networks.nets  # noqa: F401 (libraries are loaded before memory is marked)
import nibabel
import numpy
import torch
from monai.inferers import SlidingWindowInferer

from memory import mark, peak_above
from setting import autocast, device_of, make_network, memory_format, use_all_cores


def read_safetensors(path: str) -> dict:
    """Weights by name; the format is a length, a JSON header and raw little-endian values."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        values = file.read()
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(
            numpy.frombuffer(values[slice(*entry["data_offsets"])], dtype="<f4").reshape(entry["shape"]).copy()
        )
        for name, entry in header.items()
    }


def normalize(image: numpy.ndarray) -> numpy.ndarray:
    """Z-score over the voxels that are not 0 (MONAI's NormalizeIntensity, nonzero)."""
    mask = image != 0
    values = image[mask]
    image[mask] = (values - values.mean()) / max(values.std(), 1e-8)
    return image


class Segmenter:
    def __init__(self, setting: dict) -> None:
        self.setting = setting
        self.device = device_of(setting["device"])
        self.layout = memory_format(setting["channelsLast"])
        self.network = make_network(setting["network"])
        self.network.load_state_dict(read_safetensors(setting["weights"]))
        self.network = self.network.to(self.device, memory_format=self.layout).eval()
        self.inferer = SlidingWindowInferer(
            roi_size=setting["patch"],
            sw_batch_size=setting["windowBatch"],
            overlap=setting["overlap"],
            mode="gaussian",
            sigma_scale=0.125,
        )

    def probabilities(self, image: torch.Tensor) -> torch.Tensor:
        with autocast(self.device, self.setting["precision"]):
            logits = self.inferer(image.contiguous(memory_format=self.layout), self.network)
        return torch.softmax(logits.float(), dim=1)

    def segment(self, source: str, target: str) -> int:
        file = nibabel.load(source)
        canonical = nibabel.as_closest_canonical(file)
        image = normalize(canonical.get_fdata(dtype=numpy.float32))
        tensor = torch.from_numpy(numpy.ascontiguousarray(image))[None, None].to(self.device)
        total = self.probabilities(tensor)
        for axes in self.setting["flips"]:
            dims = [axis + 2 for axis in axes]
            total += self.probabilities(tensor.flip(dims)).flip(dims)
        labels = total.argmax(dim=1)[0].to(torch.uint8).cpu().numpy()
        back = nibabel.orientations.ornt_transform(
            nibabel.orientations.io_orientation(canonical.affine), nibabel.orientations.io_orientation(file.affine)
        )
        own = nibabel.orientations.apply_orientation(labels, back)
        nibabel.save(nibabel.Nifti1Image(own, file.affine), target)
        return own.size


def main() -> None:
    setting = json.loads(sys.argv[1])
    use_all_cores()
    names = sorted(os.listdir(setting["input"]))
    os.makedirs(setting["output"], exist_ok=True)
    marked = mark()
    started = time.perf_counter()
    with torch.inference_mode():
        segmenter = Segmenter(setting)
        voxels = sum(
            segmenter.segment(os.path.join(setting["input"], name), os.path.join(setting["output"], name))
            for name in names
        )
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "voxels": voxels, "cases": len(names), "peakMb": peak_above(marked)}))


main()
