"""Makes tests/parity/reference/transforms.json: what MONAI's transforms give on a small made-up image and label.

    python tests/parity/transforms/make.py    # MONAI 1.6.1

Images and labels follow the formula of tests/parity/formula.ts, so that only results are stored. Random transforms are
pinned: probability 1 and ranges of one value, or their drawn parameters set; then they stand as `operation`.
"""

import json
import os

import monai
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import (
    AdjustContrast,
    CropForegroundd,
    Flipd,
    GaussianSmooth,
    NormalizeIntensityd,
    Orientationd,
    Rand3DElastic,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandHistogramShift,
    RandRotate90d,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSimulateLowResolution,
    RandZoomd,
    Rotate90d,
    ScaleIntensityRanged,
    Spacingd,
    SpatialPadd,
)
from monai.transforms.utils import map_binary_to_indices

SHAPE, CHANNELS = (13, 10, 8), 2
KEYS = ["image", "label"]
SAMPLES = 60


def formula(length, k, factor=1.0, offset=0.0):
    h = (np.arange(length, dtype=np.uint64) * 2654435761 + (k * 40503 + 12345)) % 2**32
    h ^= h >> np.uint64(16)
    h = (h * 2246822519) % 2**32
    h ^= h >> np.uint64(13)
    return ((h.astype(np.float64) / 2**32 - 0.5) * factor + offset).astype(np.float32)


def smooth_image():
    """Noise would hide an error of place behind interpolation: waves with a little noise."""
    x, y, z = np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij")
    first = np.sin(0.5 * x) + np.cos(0.7 * y) + 0.1 * z
    second = 2 + np.cos(0.3 * x + 0.4 * y) * np.sin(0.6 * z)
    image = np.stack([first, second]).astype(np.float32)
    return image + formula(image.size, 3, 0.2).reshape(image.shape)


def ball_label():
    x, y, z = np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij")
    distance = np.sqrt((x - 6) ** 2 + (y - 4.5) ** 2 + (z - 3) ** 2)
    return ((distance < 4).astype(np.float32) + (distance < 2.2))[None]


AFFINE = np.array([[-0.9, 0, 0, 20], [0, 0, 1.5, -30], [0, 1.1, 0, 5], [0, 0, 0, 1]])
IMAGE, LABEL = smooth_image(), ball_label()


def data():
    make = lambda values: MetaTensor(torch.from_numpy(values.copy()), affine=torch.from_numpy(AFFINE))
    return {"image": make(IMAGE), "label": make(LABEL)}


def numbers(array):
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    index = np.unique(np.linspace(0, flat.size - 1, SAMPLES).astype(int))
    return {
        "shape": list(array.shape),
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "index": index.tolist(),
        "value": [float(np.float32(v)) for v in flat[index]],
    }


def row(name, transforms, image, label=None, affine=None, operation=None):
    found = {"name": name, "image": numbers(np.asarray(image))}
    found.update({"operation": operation} if operation else {"transforms": transforms})
    if label is not None:
        found["label_counts"] = [int((np.asarray(label) == value).sum()) for value in range(3)]
    if affine is not None:
        found["affine"] = np.asarray(affine, dtype=np.float64).tolist()
    return found


def dictionary(name, options, transform):
    out = transform(data())
    return row(
        f"{name} {json.dumps(options)}", [{"name": name, **options}], out["image"], out["label"], out["image"].affine
    )


def elastic(k, padding):
    """Its noise is the formula's, and its other draws are pinned; image and label see the same."""
    parameters = {
        "rotate": [0.1, -0.2, 0.15],
        "shear": [0.05, -0.1, 0.02, 0.08, 0, -0.03],
        "translate": [0.8, -0.7, 0.4],
        "scale": [0.1, -0.1, 0.05],
    }
    ranges = {f"{name}_range": [[v, v] for v in values] for name, values in parameters.items()}
    sigma, magnitude = 1.3, 9.0
    transform = Rand3DElastic((sigma, sigma), (magnitude, magnitude), prob=1.0, **ranges, padding_mode=padding)
    transform.randomize(SHAPE)
    noise = formula(3 * np.prod(SHAPE), k, 2).reshape(3, *SHAPE)
    transform.rand_offset = noise
    sample = data()
    image = transform(sample["image"], randomize=False)
    label = transform(sample["label"], mode="nearest", randomize=False)
    found = row(f"Rand3DElastic {padding}", None, image, label)
    del found["transforms"]
    found["elastic"] = {"noise": k, "sigma": sigma, "magnitude": magnitude, "padding": padding, **parameters}
    return found


def main():
    rows = []
    for axcodes in ["RAS", "LPS", "ASL"]:
        rows.append(dictionary("Orientationd", {"axcodes": axcodes}, Orientationd(KEYS, axcodes=axcodes, labels=None)))
    letters = ["L", "A", "I"]
    rows.append(dictionary("Orientationd", {"axcodes": letters}, Orientationd(KEYS, axcodes=letters, labels=None)))
    for pixdim in [[1.3, 1.3, 1.3], [0.6, -1, 2.2], 1.2, [0.7, 1.4]]:
        transform = Spacingd(KEYS, pixdim=pixdim, mode=("bilinear", "nearest"))
        rows.append(dictionary("Spacingd", {"pixdim": pixdim}, transform))
    for options in [
        {"a_min": -1, "a_max": 2, "b_min": 0, "b_max": 1, "clip": True},
        {"a_min": -0.5, "a_max": 1.5, "b_min": -1, "b_max": 3, "clip": False},
    ]:
        rows.append(dictionary("ScaleIntensityRanged", options, ScaleIntensityRanged(["image"], **options)))
    for options in [
        {},
        {"nonzero": True, "channel_wise": True},
        {"subtrahend": [0.5, 2], "divisor": [2, 0.7], "channel_wise": True},
    ]:
        rows.append(dictionary("NormalizeIntensityd", options, NormalizeIntensityd(["image"], **options)))
    for options in [
        {"source_key": "label"},
        {"source_key": "label", "margin": [1, 3, 2], "k_divisible": 4},
        {"source_key": "label", "margin": 4, "allow_smaller": True},
    ]:
        rows.append(dictionary("CropForegroundd", options, CropForegroundd(KEYS, **options)))
    for options in [{"spatial_size": [16, 9, 13]}, {"spatial_size": [16, 9, 13], "method": "end"}]:
        rows.append(dictionary("SpatialPadd", options, SpatialPadd(KEYS, **options)))
    rows.append(dictionary("Flipd", {"spatial_axis": [0, 2]}, Flipd(KEYS, spatial_axis=[0, 2])))
    rows.append(dictionary("Flipd", {"spatial_axis": -2}, Flipd(KEYS, spatial_axis=-2)))
    for k, axes in [(1, [0, 2]), (3, [0, 2]), (-1, [-1, 1])]:
        options = {"k": k, "spatial_axes": axes}
        rows.append(dictionary("Rotate90d", options, Rotate90d(KEYS, **options)))
    for options in [{}, {"spatial_axis": 1}]:
        rows.append(dictionary("RandFlipd", {"prob": 1.0, **options}, RandFlipd(KEYS, prob=1.0, **options)))
    options = {"prob": 1.0, "max_k": 1, "spatial_axes": [1, 2]}
    rows.append(dictionary("RandRotate90d", options, RandRotate90d(KEYS, **options)))
    options = {"prob": 1.0, "factors": [0.3, 0.3]}
    rows.append(dictionary("RandScaleIntensityd", options, RandScaleIntensityd(["image"], **options)))
    options = {"prob": 1.0, "offsets": [-0.8, -0.8]}
    rows.append(dictionary("RandShiftIntensityd", options, RandShiftIntensityd(["image"], **options)))
    pin = lambda values: [[v, v] for v in values]
    for padding in ["reflection", "border", "zeros"]:
        options = {
            "prob": 1.0,
            "rotate_range": pin([0.3, -0.2, 0.4]),
            "shear_range": pin([0.05, -0.1, 0.02, 0.08, 0, -0.03]),
            "translate_range": pin([1.5, -0.7, 0.4]),
            "scale_range": pin([-0.15, 0.2, 0.1]),
            "padding_mode": padding,
        }
        ours = {**options}
        theirs = {**options, "mode": ("bilinear", "nearest")}
        rows.append(dictionary("RandAffined", ours, RandAffined(KEYS, **theirs)))

    # Sizes that MONAI need not round, interpolation as here. What it puts beside a smaller image is another thing, so 0.
    # Two factors: the first is for two axes.
    for sizes, padding in [([15, 12, 10], "edge"), ([11, 8, 6], "constant"), ([13, 10, 10], "edge")]:
        zoom = [to / n for to, n in zip(sizes, SHAPE)]
        zoom = zoom[1:] if zoom[0] == zoom[1] else zoom
        ours = {"prob": 1.0, "min_zoom": zoom, "max_zoom": zoom, "padding_mode": padding}
        nudged = [value + 1e-9 for value in zoom]  # MONAI cuts the size off, and takes the factor from it.
        theirs = {**ours, "min_zoom": nudged, "max_zoom": nudged, "mode": ("trilinear", "nearest-exact")}
        rows.append(dictionary("RandZoomd", ours, RandZoomd(KEYS, **theirs)))

    rows += [elastic(k, padding) for k, padding in [(21, "reflection"), (22, "border")]]

    image = torch.from_numpy(IMAGE.copy())
    sigma = [0.5, 1.2, 0.9]
    smooth = {"name": "RandGaussianSmoothd", "prob": 1}
    for axis, value in zip("xyz", sigma):
        smooth[f"sigma_{axis}"] = [value, value]
    rows.append(row(f"GaussianSmooth {sigma}", [smooth], GaussianSmooth(sigma)(image)))
    for options in [{}, {"invert_image": True, "retain_stats": True}]:
        for gamma in [0.7, 1.8]:
            transform = {"name": "RandAdjustContrastd", "prob": 1, "gamma": [gamma, gamma], **options}
            result = AdjustContrast(gamma, **options)(image)
            rows.append(row(f"AdjustContrast {gamma} {json.dumps(options)}", [transform], result))

    shift = RandHistogramShift(prob=1)
    shift._do_transform = True
    shift.reference_control_points = np.linspace(0, 1, 6)
    shift.floating_control_points = np.array([0, 0.1, 0.45, 0.5, 0.9, 1])
    low, high = float(image.min()), float(image.max())
    scaled = lambda shares: [low + float(s) * (high - low) for s in shares]
    operation = {
        "kind": "interpolate",
        "from": scaled(shift.reference_control_points),
        "to": scaled(shift.floating_control_points),
    }
    rows.append(row("RandHistogramShift, control points set", None, shift(image, randomize=False), operation=operation))

    resolution = RandSimulateLowResolution(prob=1, zoom_range=(0.55, 0.55))
    transform = {"name": "RandSimulateLowResolutiond", "prob": 1, "zoom_range": [0.55, 0.55]}
    rows.append(row("RandSimulateLowResolution 0.55", [transform], resolution(image)))

    # Where a patch may be centred, by default and with a threshold on the image; the draws are not comparable.
    crops = []
    for options in [{}, {"image_threshold": 2.5}, {"image_key": "image"}, {"image_key": "image", "image_threshold": 2.5}]:
        crop = RandCropByPosNegLabeld(KEYS, label_key="label", spatial_size=[2, 2, 2], **options)
        crop(data())
        cropper, sample = crop.cropper, data()
        image = sample[crop.image_key] if crop.image_key else None
        positive, negative = map_binary_to_indices(sample["label"], image, cropper.image_threshold)
        listed = lambda found: {"count": len(found), "sum": int(np.asarray(found, dtype=np.int64).sum())}
        transform = {"name": "RandCropByPosNegLabeld", "spatial_size": [2, 2, 2], **options}
        name = f"RandCropByPosNegLabeld {json.dumps(options)}"
        crops.append({"name": name, "transform": transform, "positive": listed(positive), "negative": listed(negative)})

    reference = {
        "kind": "transforms",
        "note": f"MONAI {monai.__version__}, made by tests/parity/transforms/make.py",
        "input": {"shape": list(SHAPE), "channels": CHANNELS, "affine": AFFINE.reshape(-1).tolist()},
        "cases": rows,
        "centres": crops,
    }
    path = os.path.join(os.path.dirname(__file__), "../reference/transforms.json")
    with open(path, "w") as file:
        json.dump(reference, file)
        file.write("\n")
    print(len(rows) + len(crops), "cases,", os.path.getsize(path), "bytes")


main()
