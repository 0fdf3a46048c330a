"""What both anchor scripts share: MONAI's network, precision, memory format, device."""

import contextlib
import os

import torch


def use_all_cores() -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def device_of(name: str) -> torch.device:
    return torch.device("cuda" if name == "cuda" else "cpu")


def make_network(network: dict):
    """The network of MONAI that carries the class name, with the options under MONAI's own names."""
    import monai.networks.nets as nets

    options = dict(network["options"])
    if network["class"] == "DiNTS":
        return nets.DiNTS(dints_space=nets.TopologyInstance(**options.pop("space")), **options)
    if not hasattr(nets, network["class"]):
        raise SystemExit(f"MONAI has no network of the class {network['class']}: it cannot be compared")
    return getattr(nets, network["class"])(**options)


def memory_format(channels_last: bool) -> torch.memory_format:
    return torch.channels_last_3d if channels_last else torch.contiguous_format


def autocast(device: torch.device, precision: str):
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
