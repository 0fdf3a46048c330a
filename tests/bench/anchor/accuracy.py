"""MONAI's SegResNetDS trained for some minutes and scored on other cases: what `accuracy` is compared with.

Argument: {"training": [{image, label}], "test": [...], "labels", "minutes"}; prints JSON lines, the last one the result.
"labels" are the values from 1 on without a gap; images may have channels as their last axis. The setting
is the anchor's of issue 7: 16 filters, blocks 1,2,2,4, deep supervision 3, bfloat16 autocast, batch 4 of 32x48x32, AdamW
1e-3 with cosine by time, DiceCE, intensity augmentation alone, sliding window with overlap 0.5.
"""

import json
import math
import sys
import time

import nibabel
import numpy
import torch
from monai.inferers import sliding_window_inference
from monai.losses import DeepSupervisionLoss, DiceCELoss
from monai.metrics import compute_hausdorff_distance

from setting import make_network, use_all_cores

PATCH = (32, 48, 32)
BATCH = 4
LEARNING_RATE = 1e-3
OPTIONS = {"init_filters": 16, "blocks_down": [1, 2, 2, 4], "dsdepth": 3}


def read_image(path: str):
    """Channels first, and the voxel's size in mm."""
    image = nibabel.load(path)
    voxels = numpy.asarray(image.dataobj, dtype=numpy.float32)
    channels = voxels[None] if voxels.ndim == 3 else numpy.moveaxis(voxels, 3, 0)
    return channels, image.header.get_zooms()[:3]


def read_label(path: str) -> numpy.ndarray:
    return numpy.asarray(nibabel.load(path).dataobj).astype(numpy.int64)


def normalised(channels: numpy.ndarray) -> numpy.ndarray:
    out = channels.copy()
    for image, channel in zip(channels, out):
        inside = image != 0
        channel[inside] = (image[inside] - image[inside].mean()) / max(float(image[inside].std()), 1e-8)
    return out


def crop(image: numpy.ndarray, label: numpy.ndarray, classes: int, random: numpy.random.Generator):
    """A patch centred on a voxel of a class drawn evenly, padded where the image is smaller."""
    padding = [(0, max(0, size - n)) for size, n in zip(PATCH, label.shape)]
    image, label = numpy.pad(image, [(0, 0), *padding]), numpy.pad(label, padding)
    voxels = numpy.argwhere(label == random.integers(0, classes))
    centre = voxels[random.integers(len(voxels))] if len(voxels) else numpy.array(label.shape) // 2
    start = [int(min(max(c - size // 2, 0), n - size)) for c, size, n in zip(centre, PATCH, label.shape)]
    window = tuple(slice(s, s + size) for s, size in zip(start, PATCH))
    return augmented(image[(slice(None), *window)], random), label[window]


def augmented(patch: numpy.ndarray, random: numpy.random.Generator) -> numpy.ndarray:
    if random.random() < 0.5:
        patch = patch * (1 + random.uniform(-0.3, 0.3))
    if random.random() < 0.5:
        patch = patch + random.uniform(-0.1, 0.1)
    if random.random() < 0.2:
        patch = patch + random.normal(0, 0.1, patch.shape)
    return patch.astype(numpy.float32)


def dice_of(prediction: numpy.ndarray, truth: numpy.ndarray, value: int):
    a, b = prediction == value, truth == value
    total = int(a.sum() + b.sum())
    return None if total == 0 else 2.0 * int((a & b).sum()) / total


def score(network, cases: list, labels: list[int]) -> dict:
    network.eval()
    dice, hausdorff, by_class = [], [], {value: [] for value in labels}
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for image, truth, zooms in cases:
            logits = sliding_window_inference(torch.from_numpy(normalised(image))[None], PATCH, 4, network, 0.5, "gaussian")
            prediction = logits[0].argmax(0).numpy()
            values = {value: dice_of(prediction, truth, value) for value in labels}
            present = {value: one for value, one in values.items() if one is not None}
            for value, one in present.items():
                by_class[value].append(one)
            if not present:
                continue
            dice.append(float(numpy.mean(list(present.values()))))
            masks = [torch.from_numpy(numpy.stack([m == v for v in labels])[None]) for m in (prediction, truth)]
            distance = compute_hausdorff_distance(*masks, include_background=True, percentile=95, spacing=[float(z) for z in zooms])
            finite = distance[torch.isfinite(distance)]
            if len(finite):
                hausdorff.append(float(finite.mean()))
    network.train()
    return {
        "dice": float(numpy.mean(dice)),
        "diceByClass": {str(value): float(numpy.mean(values)) for value, values in by_class.items() if values},
        "hd95Mm": float(numpy.mean(hausdorff)) if hausdorff else None,
        "worst": {"dice": float(min(dice))},
    }


def main() -> None:
    setting = json.loads(sys.argv[1])
    use_all_cores()
    torch.manual_seed(1)
    random = numpy.random.default_rng(1)
    labels, classes = setting["labels"], len(setting["labels"]) + 1
    training = [(normalised(read_image(c["image"])[0]), read_label(c["label"])) for c in setting["training"]]
    options = {**OPTIONS, "in_channels": len(training[0][0]), "out_channels": classes}
    network = make_network({"class": "SegResNetDS", "options": options}).to(memory_format=torch.channels_last_3d).train()
    loss_of = DeepSupervisionLoss(DiceCELoss(to_onehot_y=True, softmax=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-5))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-5)
    started, budget, steps = time.perf_counter(), 60 * setting["minutes"], 0
    while (share := (time.perf_counter() - started) / budget) < 1:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * share))
        pairs = [crop(*training[random.integers(len(training))], classes, random) for _ in range(BATCH)]
        image = torch.from_numpy(numpy.stack([p[0] for p in pairs])).contiguous(memory_format=torch.channels_last_3d)
        label = torch.from_numpy(numpy.stack([p[1] for p in pairs])[:, None]).float()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(network(image), label)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimizer.step()
        steps += 1
    images = [read_image(c["image"]) for c in setting["test"]]
    test = [(image, read_label(c["label"]), zooms) for (image, zooms), c in zip(images, setting["test"])]
    print(json.dumps({**score(network, test, labels), "steps": steps}))


main()
