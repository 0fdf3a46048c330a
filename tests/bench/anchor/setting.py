"""What both anchor scripts share: the network of MONAI or nnU-Net, precision, memory format, device."""

import contextlib
import importlib.util
import os
import pydoc
import sys
import types

import numpy
import torch


def turn_without_einops() -> None:
    """Where einops is not installed, MONAI's SwinUNETR gets what it wants of it, which is to turn axes."""
    if importlib.util.find_spec("einops") is not None:
        return

    def rearrange(tensor: torch.Tensor, pattern: str) -> torch.Tensor:
        before, after = (side.split() for side in pattern.split("->"))
        return tensor.permute([before.index(axis) for axis in after])

    sys.modules["einops"] = types.ModuleType("einops")
    sys.modules["einops"].rearrange = rearrange


turn_without_einops()  # Before MONAI is loaded, which looks for it once.


def use_all_cores() -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def device_of(name: str) -> torch.device:
    return torch.device("cuda" if name == "cuda" else "cpu")


def make_network(network: dict):
    """The original's network of the class name, with the options under the original's own names."""
    name, options = network["class"], dict(network["options"])
    if name in ("PlainConvUNet", "ResidualEncoderUNet"):
        return make_unet(name, options)
    import monai.networks.nets as nets

    if name == "DiNTS":
        return make_dints(nets, options)
    if not hasattr(nets, name):
        raise SystemExit(f"MONAI has no network of the class {name}: it cannot be compared")
    return getattr(nets, name)(**options)


def make_dints(nets, options: dict):
    """DiNTS over its space: ours names the options of both together."""
    space = {key: options.pop(key) for key in ("num_blocks", "num_depths", "channel_mul") if key in options}
    space["use_downsample"] = options.get("use_downsample", True)
    if "arch_code_a" in options:
        space["arch_code"] = [numpy.array(options.pop("arch_code_a")), numpy.array(options.pop("arch_code_c"))]
    space_class = getattr(nets, options.pop("dints_space", "TopologyInstance"))
    if "node_a" in options:
        options["node_a"] = torch.tensor(options["node_a"])
    return nets.DiNTS(dints_space=space_class(**space), **options)


def make_unet(name: str, options: dict):
    """nnU-Net's network; classes of PyTorch are named by their paths, as in nnU-Net's plans."""
    try:
        import dynamic_network_architectures.architectures.unet as unet
    except ImportError:
        raise SystemExit(f"{name} is nnU-Net's: pip install --no-deps dynamic_network_architectures==0.4.4")
    for key in ("conv_op", "norm_op", "nonlin"):
        if isinstance(options.get(key), str):
            options[key] = pydoc.locate(options[key])
    return getattr(unet, name)(**options)


def memory_format(channels_last: bool) -> torch.memory_format:
    return torch.channels_last_3d if channels_last else torch.contiguous_format


def autocast(device: torch.device, precision: str):
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
