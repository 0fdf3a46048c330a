"""Makes tests/parity/reference/torchio.json: what TorchIO's MR artifacts give on small made-up images.

    python tests/parity/transforms/make_torchio.py    # TorchIO 1.2.1

Parameters stand in TorchIO's own words; tests/parity/kinds/torchio.ts says what they are here. Images follow the formula of
tests/parity/formula.ts, so that only results are stored. The origin of the world is the middle of each image, because
TorchIO's Motion turns about the former (see docs/transforms.md).
"""

import json
import os

import numpy as np
import torch
import torchio as tio

SAMPLES = 60
DRAWS = 4000


def formula(length, k, factor=1.0):
    h = (np.arange(length, dtype=np.uint64) * 2654435761 + (k * 40503 + 12345)) % 2**32
    h ^= h >> np.uint64(16)
    h = (h * 2246822519) % 2**32
    h ^= h >> np.uint64(13)
    return ((h.astype(np.float64) / 2**32 - 0.5) * factor).astype(np.float32)


def made_up_image(shape):
    """Noise would hide an error of place behind interpolation: waves with a little noise."""
    x, y, z = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    first = 3 + np.sin(0.5 * x) + np.cos(0.7 * y) + 0.1 * z
    second = 2 + np.cos(0.3 * x + 0.4 * y) * np.sin(0.6 * z)
    image = np.stack([first, second]).astype(np.float32)
    return image + formula(image.size, 3, 0.2).reshape(image.shape)


def centred_affine(shape, spacing, axes):
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(axes, dtype=np.float64) * spacing
    affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return affine


def turned_axes():
    """Array axes down, to the right and to the back, all a little oblique."""
    a, b = 0.15, -0.1
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return about_x @ about_z @ np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])


VOLUMES = {
    "straight": {"shape": [12, 17, 9], "affine": centred_affine([12, 17, 9], [1.2, 0.8, 2.5], np.eye(3))},
    "turned": {"shape": [10, 7, 16], "affine": centred_affine([10, 7, 16], [1.7, 2.1, 0.9], turned_axes())},
}

MOTIONS = [
    {"degrees": [[5, -3, 8]], "translation": [[1.5, -2, 0.7]], "times": [0.22]},
    {"degrees": [[-12, 7, 20]], "translation": [[-1.1, 2.3, 3.1]], "times": [0.81]},
    {
        "degrees": [[5, -3, 8], [-7, 14, 2]],
        "translation": [[1.5, -2, 0.7], [-3, 1, 2.2]],
        "times": [0.3, 0.72],
    },
    {
        "degrees": [[9, 0, 0], [0, 9, 0], [0, 0, 9]],
        "translation": [[0, 0, 4.1], [0, 4.1, 0], [4.1, 0, 0]],
        "times": [0.2, 0.47, 0.7],
    },
]
GHOSTINGS = [
    {"num_ghosts": 2, "axis": 0, "intensity": 0.6, "restore": None},
    {"num_ghosts": 3, "axis": 1, "intensity": 0.8, "restore": 0.4},
    {"num_ghosts": 3, "axis": 2, "intensity": 1.0, "restore": 0.05},
    {"num_ghosts": 2, "axis": 2, "intensity": 0.5, "restore": 0.3},
]
SPIKES = [
    {"spikes_positions": [[0.2, 0.7, 0.9]], "intensity": 1.3},
    {"spikes_positions": [[0.61, 0.05, 0.33], [0.97, 0.5, 0.1], [0.61, 0.3, 0.8]], "intensity": 0.7},
    {"spikes_positions": [[0.5, 0.5, 0.5], [0.1, 0.4, 0.6]], "intensity": -0.4},
]
BIAS_FIELDS = [
    {"order": order, "coefficients": [float(c) for c in formula((order + 1) * (order + 2) * (order + 3) // 6, k)]}
    for order, k in [(3, 11), (2, 12), (0, 13)]
]


def deterministic(name, parameters):
    arrays = ("degrees", "translation", "times", "spikes_positions")
    options = {key: np.array(value, dtype=float) if key in arrays else value for key, value in parameters.items()}
    if name == "Motion":
        options["image_interpolation"] = "linear"
    return getattr(tio, name)(**options)


def numbers(array):
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    index = np.unique(np.linspace(0, flat.size - 1, SAMPLES).astype(int))
    return {
        "shape": list(array.shape),
        "std": float(flat.std()),
        "index": index.tolist(),
        "value": [float(np.float32(v)) for v in flat[index]],
    }


def cases():
    lists = {"Motion": MOTIONS, "Ghosting": GHOSTINGS, "Spike": SPIKES, "BiasField": BIAS_FIELDS}
    for name, all_parameters in lists.items():
        for parameters in all_parameters:
            for volume, about in VOLUMES.items():
                image = tio.ScalarImage(tensor=torch.from_numpy(made_up_image(about["shape"])), affine=about["affine"])
                result = deterministic(name, parameters)(image)
                yield {"name": name, "volume": volume, "parameters": parameters, "image": numbers(result.numpy())}


OPTIONS = {
    "RandomMotion": [{}, {"degrees": [2, 6], "translation": 4, "num_transforms": 3}],
    "RandomGhosting": [
        {},
        {"num_ghosts": 3, "intensity": 0.7, "restore": 0.4},
        {"num_ghosts": [2, 5], "axes": [1], "restore": [0.1, 0.3]},
    ],
    "RandomSpike": [{}, {"num_spikes": 4, "intensity": 2}, {"num_spikes": [2, 3], "intensity": [0.5, 0.8]}],
    "RandomBiasField": [{}, {"coefficients": [0.1, 0.3], "order": 2}],
}


def drawn(name, transform):
    """The numbers of one draw, by what they are."""
    if name == "RandomMotion":
        times, degrees, translation = transform.get_params(
            transform.degrees_range, transform.translation_range, transform.num_transforms
        )
        each = {f"time {i}": [t] for i, t in enumerate(times)}
        return {"movements": [len(times)], "degrees": degrees, "translation": translation, **each}
    if name == "RandomGhosting":
        ghosts, axis, intensity, restore = transform.get_params(
            transform.num_ghosts_range, transform.axes, transform.intensity_range, transform.restore
        )
        kept = {} if restore is None else {"restore": [restore]}
        return {"ghosts": [ghosts], "axis": [axis], "intensity": [intensity], **kept}
    if name == "RandomSpike":
        positions, intensity = transform.get_params(transform.num_spikes_range, transform.intensity_range)
        return {"spikes": [len(positions)], "position": positions, "intensity": [intensity]}
    coefficients = transform.get_params(transform.order, transform.coefficients_range)
    return {"terms": [len(coefficients)], "coefficient": coefficients}


def draws():
    torch.manual_seed(0)
    for name, all_options in OPTIONS.items():
        for options in all_options:
            given = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
            transform = getattr(tio, name)(**given)
            ranges = {}
            for _ in range(DRAWS):
                for key, values in drawn(name, transform).items():
                    values = np.asarray(values, dtype=float).reshape(-1)
                    if values.size == 0:
                        continue
                    low, high = ranges.get(key, (np.inf, -np.inf))
                    ranges[key] = (min(low, float(values.min())), max(high, float(values.max())))
            yield {"name": name, "options": options, "p": transform.probability, "ranges": ranges}


def main():
    reference = {
        "kind": "torchio",
        "note": f"TorchIO {tio.__version__}, made by tests/parity/transforms/make_torchio.py",
        "volumes": {
            name: {"shape": about["shape"], "affine": about["affine"].reshape(-1).tolist()}
            for name, about in VOLUMES.items()
        },
        "cases": list(cases()),
        "draws": list(draws()),
    }
    path = os.path.join(os.path.dirname(__file__), "../reference/torchio.json")
    with open(path, "w") as file:
        json.dump(reference, file)
        file.write("\n")
    print(len(reference["cases"]), "cases,", len(reference["draws"]), "draws,", os.path.getsize(path), "bytes")


main()
