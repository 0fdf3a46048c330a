"""Makes nnunet-made-up.json of this folder: what nnU-Net's own ExperimentPlanner plans for made-up datasets, its axes turned to x, y, z.

Needs a clone of https://github.com/MIC-DKFZ/nnUNet (2.8.1; made from its commit 0e49508) and dynamic_network_architectures 0.4.4.
Of nnU-Net only the planner is run: what it imports beside (files, readers, resampling) is replaced by nothing.
Run: python tests/parity/reference/make_nnunet.py CLONE
"""
import importlib.util
import json
import os
import sys
from unittest.mock import MagicMock

import numpy
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet

FOLDER = os.path.dirname(os.path.abspath(__file__))
PLANNERS = "nnunetv2.experiment_planning.experiment_planners"


def load(clone, name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(clone, *name.split(".")) + ".py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def planner_of(clone):
    replaced = ["batchgenerators.utilities.file_and_folder_operations", "nnunetv2.configuration", "nnunetv2.paths",
                "nnunetv2.imageio.reader_writer_registry", "nnunetv2.preprocessing.resampling.default_resampling",
                "nnunetv2.preprocessing.normalization.map_channel_name_to_normalization",
                "nnunetv2.utilities.dataset_name_id_conversion", "nnunetv2.utilities.default_n_proc_DA",
                "nnunetv2.utilities.get_network_from_plans", "nnunetv2.utilities.json_export", "nnunetv2.utilities.utils"]
    for name in replaced:
        for end in range(1, name.count(".") + 2):
            sys.modules.setdefault(".".join(name.split(".")[:end]), MagicMock())
    sys.modules["nnunetv2.configuration"].ANISO_THRESHOLD = 3
    load(clone, f"{PLANNERS}.network_topology")
    module = load(clone, f"{PLANNERS}.default_experiment_planner")
    module.isfile = lambda path: True
    module._maybe_copy_splits_file = lambda *_: None
    planner = module.ExperimentPlanner("Dataset001_MadeUp")
    planner.static_estimate_VRAM_usage = estimate
    nothing = type("nothing", (), {})
    planner.determine_resampling = lambda: (nothing, {}, nothing, {})
    planner.determine_segmentation_softmax_export_fn = lambda: (nothing, {})
    planner.determine_normalization_scheme_and_whether_mask_is_used_for_norm = lambda: ([], [])
    return planner


def estimate(patch_size, input_channels, output_channels, arch_class_name, arch_kwargs, _):
    """nnU-Net's own, of a network without memory."""
    kwargs = {**arch_kwargs, "conv_op": torch.nn.Conv3d, "norm_op": torch.nn.InstanceNorm3d, "nonlin": torch.nn.LeakyReLU}
    with torch.device("meta"):
        net = PlainConvUNet(input_channels, num_classes=output_channels, deep_supervision=True, **kwargs)
    return int(net.compute_conv_feature_map_size(patch_size))


# Voxels and spacing of every case (x, y, z), cases, gigabytes. Many with axes that are alike, so that it counts which is cut.
DATASETS = [
    ([128, 128, 128], [1, 1, 1], 50, 8), ([160, 160, 160], [1, 1, 1], 50, 8), ([192, 192, 192], [1, 1, 1], 200, 6),
    ([200, 200, 200], [0.7, 0.7, 0.7], 30, 10), ([256, 256, 256], [1, 1, 1], 100, 8), ([256, 256, 256], [1, 1, 1], 100, 11),
    ([96, 96, 96], [1, 1, 1], 90, 24), ([512, 512, 120], [0.8, 0.8, 3], 100, 8), ([512, 512, 60], [0.7, 0.7, 5], 40, 12),
    ([512, 120, 512], [0.8, 3, 0.8], 100, 8), ([120, 512, 512], [3, 0.8, 0.8], 100, 8), ([320, 320, 20], [0.6, 0.6, 6], 32, 8),
    ([180, 220, 180], [1, 1, 1], 300, 7), ([35, 50, 35], [1, 1, 1], 200, 8), ([240, 240, 155], [1, 1, 1], 484, 9),
    ([300, 300, 300], [1, 1.5, 1], 60, 8), ([64, 64, 64], [2, 2, 2], 50, 8), ([48, 48, 48], [1, 1, 1], 70, 80),
]


def main(clone):
    planner = planner_of(clone)
    plans, cache = [], {}
    for voxels, spacing, cases, gigabytes in DATASETS:
        planner.dataset_json = {"channel_names": {"0": "MRI"}, "labels": {"background": 0, "one": 1, "two": 2}}
        planner.dataset_fingerprint = {"spacings": [spacing[::-1]] * 3, "shapes_after_crop": [voxels[::-1]] * 3}
        planner.UNet_vram_target_GB = gigabytes
        target = planner.determine_fullres_target_spacing()
        forward, backward = planner.determine_transpose()
        shape = numpy.array(voxels[::-1])
        plan = planner.get_plans_for_configuration(numpy.array(target)[forward], shape[forward], "", float(numpy.prod(shape)) * cases, cache)

        def ours(values):
            return [int(values[axis]) for axis in backward][::-1]

        network = plan["architecture"]["arch_kwargs"]
        plans.append({"voxels": voxels, "spacingMm": spacing, "cases": cases, "gigabytes": gigabytes,
                      "patchSize": ours(plan["patch_size"]), "batchSize": int(plan["batch_size"]),
                      "strides": [ours(stride) for stride in network["strides"]],
                      "kernels": [ours(kernel) for kernel in network["kernel_sizes"]],
                      "features": list(network["features_per_stage"])})
    with open(os.path.join(FOLDER, "nnunet-made-up.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(plan) for plan in plans) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1])
