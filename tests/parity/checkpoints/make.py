"""Makes the checkpoints of this folder with the originals (torch, monai 1.6.1, einops, dynamic_network_architectures 0.4.4).

Each parameter is an overlapping view of a few numbers, so that the files are small although the networks are not; reading them
tries strided storages as well. Beside each file stands what the original computes: samples of its output. Files in nnU-Net's format
are fed as nnU-Net feeds them: a volume x, y, z (first axis x, as Voxhelm has it) is read as an array z, y, x (SimpleITK) and its axes
are then put in the order of transpose_forward; options, input and output stand here in x, y, z.
Run: python tests/parity/checkpoints/make.py [NAME...]
"""
import json
import os
import sys

import numpy
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.networks.nets import DiNTS, SegResNetDS, SwinUNETR, TopologyInstance

FOLDER = os.path.dirname(os.path.abspath(__file__))


def small_view(shape, k):
    """Half-precision numbers: a view into a short storage whose strides overlap, so that every axis varies."""
    strides = [1, 2, 3, 5, 7][: len(shape)]
    numel = sum((n - 1) * stride for n, stride in zip(shape, strides)) + 1
    # Noise, not a wave: overlapping views of a wave are matrices of rank 2, whose networks amplify rounding.
    wave = torch.sin(torch.arange(numel, dtype=torch.float64) * 12.9898 + k) * 43758.5453
    values = 2 * (wave - wave.floor()) - 1
    fan = max(1, int(torch.tensor(list(shape[1:])).prod()))
    scale = 1.0 + 0.2 * values if len(shape) == 1 else values / fan**0.5
    return scale.half().float().as_strided(shape, strides)


def fill(net):
    state = {}
    for k, (name, parameter) in enumerate(net.named_parameters()):
        state[name] = small_view(tuple(parameter.shape), k)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(state[name])
    return state


def expected(net, shape, axes):
    """What the network makes of a volume whose spatial axes it takes in the order of `axes`."""
    numel = int(torch.tensor(shape).prod())
    x = torch.sin(torch.arange(numel, dtype=torch.float64) * 0.37).float().view(shape)
    with torch.no_grad():
        y = net.eval()(x.permute(0, 1, *(2 + axis for axis in axes)).contiguous())
    y = y[0] if isinstance(y, (list, tuple)) else y
    y = y.permute(0, 1, *(2 + axes.index(axis) for axis in range(3))).contiguous()
    flat = y.flatten()
    index = [int(i) for i in torch.linspace(0, flat.numel() - 1, 64).long()]
    return {"input": list(shape), "output": list(y.shape), "std": float(y.std()), "index": index,
            "value": [float(flat[i]) for i in index]}


def full_state(net, small):
    """The state dict as torch has it (second names and buffers included), with the small views in place of the weights."""
    by_pointer = {p.data_ptr(): small[name] for name, p in net.named_parameters()}
    return type(net.state_dict())((name, by_pointer.get(t.data_ptr(), t)) for name, t in net.state_dict().items())


UNET = dict(n_stages=3, features_per_stage=[8, 16, 32], conv_op=torch.nn.Conv3d, kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
            strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]], n_conv_per_stage_decoder=[2, 1], conv_bias=True,
            norm_op=torch.nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=torch.nn.LeakyReLU,
            nonlin_kwargs={"inplace": True}, deep_supervision=True)


def option(value):
    if isinstance(value, type):
        return f"{value.__module__}.{value.__name__}"
    return value


def nnunet_axes(transpose_forward):
    """Which of x, y, z (0, 1, 2) each axis of nnU-Net's network is."""
    return [2 - axis for axis in transpose_forward]


def in_our_axes(options, axes):
    turned = {k: [[triple[axes.index(axis)] for axis in range(3)] for triple in options[k]]
              for k in ("kernel_sizes", "strides") if k in options}
    return {**options, **turned}


def save(name, cls, net, options, shape, wrap, axes=(0, 1, 2)):
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    small = fill(net)
    ours = in_our_axes(options, list(axes))
    result = {"class": cls, "options": {k: option(v) for k, v in ours.items()}, **expected(net, shape, list(axes))}
    torch.save(wrap(full_state(net, small)), os.path.join(FOLDER, f"{name}.pt"))
    with open(os.path.join(FOLDER, f"{name}.json"), "w") as file:
        json.dump(result, file)


def nnunet(state, plans={}):
    return {"network_weights": state, "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
            "grad_scaler_state": None, "logging": {"mean_fg_dice": [numpy.float64(0.5)]}, "_best_ema": numpy.float64(0.5),
            "current_epoch": 1000, "trainer_name": "nnUNetTrainer", "inference_allowed_mirroring_axes": (0, 1, 2),
            "init_args": {"configuration": "3d_fullres", "fold": 0, "device": torch.device("cpu"), **plans}}


torch.manual_seed(0)
segresnet = dict(init_filters=4, in_channels=1, out_channels=3, blocks_down=[1, 1, 1], norm="INSTANCE", dsdepth=2)
save("segresnet", "SegResNetDS", SegResNetDS(spatial_dims=3, **segresnet), segresnet, (1, 1, 16, 16, 16),
     lambda s: {"epoch": 3, "state_dict": type(s)((f"module._orig_mod.{k}", v.half()) for k, v in s.items())})
swin = dict(in_channels=1, out_channels=2, feature_size=12, depths=[1, 2, 1, 1], window_size=3, use_v2=True)
save("swinunetr", "SwinUNETR", SwinUNETR(**swin), swin, (1, 1, 64, 32, 32),
     lambda s: s)
space = dict(num_blocks=3, num_depths=3, channel_mul=0.25, use_downsample=True)
codes = dict(arch_code_a=[[1, 1, 1, 0, 0, 1, 0], [1, 0, 1, 1, 1, 0, 1], [1, 1, 0, 1, 0, 0, 0]],
             arch_code_c=[[1, 4, 2, 0, 0, 1, 0], [3, 0, 1, 0, 4, 0, 2], [0, 1, 0, 3, 0, 0, 0]])
nodes = [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0]]
found = TopologyInstance(arch_code=[numpy.array(code) for code in codes.values()], **space)
save("dints", "DiNTS", DiNTS(found, 1, 3, use_downsample=True, node_a=torch.tensor(nodes)),
     dict(in_channels=1, num_classes=3, node_a=nodes, **space, **codes), (1, 1, 16, 32, 16), lambda s: {"model": s, "epoch": 1})
plain = dict(UNET, input_channels=1, num_classes=3, n_conv_per_stage=[2, 2, 2])
save("unet-plain", "PlainConvUNet", PlainConvUNet(**plain), plain, (1, 1, 16, 16, 8), nnunet, nnunet_axes([0, 1, 2]))
# Slices along y, so that nnU-Net puts y first; kernels and strides that differ on every axis.
forward = [1, 0, 2]
transposed = dict(plain, n_stages=2, features_per_stage=[4, 8], kernel_sizes=[[1, 3, 5], [3, 1, 3]], strides=[[1, 1, 1], [1, 2, 4]],
                  n_conv_per_stage=[1, 1], n_conv_per_stage_decoder=[1])
save("unet-transposed", "PlainConvUNet", PlainConvUNet(**transposed), transposed, (1, 1, 16, 6, 8),
     lambda s: nnunet(s, {"plans": {"plans_name": "nnUNetPlans", "transpose_forward": forward, "transpose_backward": [1, 0, 2]}}),
     nnunet_axes(forward))
residual = dict(UNET, input_channels=1, num_classes=3, n_blocks_per_stage=[1, 2, 2])
save("unet-residual", "ResidualEncoderUNet", ResidualEncoderUNet(**residual), residual, (1, 1, 8, 16, 16), lambda s: s)
print("made", os.listdir(FOLDER), file=sys.stderr)
