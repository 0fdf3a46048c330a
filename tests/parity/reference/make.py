"""Makes reference files of networks (MONAI 1.6.1, einops, dynamic_network_architectures 0.4.4) and of losses, in the form of the
others of this folder.

Run: python tests/parity/reference/make.py FOLDER [NAME...]   (all below; the files of this folder are some of them, by name)
"""
import json
import os
import sys

import numpy
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.losses import DiceCELoss, DiceFocalLoss, DiceLoss, FocalLoss, GeneralizedDiceLoss, TverskyLoss
from monai.networks.nets import DiNTS, SegResNetDS, SwinUNETR, TopologyInstance

FORMULA = ("u(n,k)[i]: uint32 h = i*2654435761 + (k*40503+12345); h ^= h>>>16; h = h*2246822519; h ^= h>>>13; u = h/2^32-0.5, "
           "i runs over the flattened (C order) tensor; every product modulo 2^32")


def u(shape, k):
    length = 1
    for n in shape:
        length *= n
    h = (torch.arange(length, dtype=torch.int64) * 2654435761 + (k * 40503 + 12345)) % 2**32
    h = h ^ (h >> 16)
    # Products of two 32-bit numbers overflow int64: the low 16 bits of one at a time.
    h = (((h & 0xFFFF) * 2246822519) + ((((h >> 16) * 2246822519) & 0xFFFF) << 16)) % 2**32
    h = h ^ (h >> 13)
    return (h.double() / 2**32 - 0.5).float().view(shape)


def samples(tensor, count):
    flat = tensor.detach().flatten()
    step = max(1, flat.numel() * 61803 // 100000)
    while step > 1 and flat.numel() % step == 0:
        step -= 1
    index = [i * step % flat.numel() for i in range(min(count, flat.numel()))]
    return {"shape": list(tensor.shape), "mean": float(flat.mean()), "std": float(flat.std()), "l2": float(flat.norm()),
            "index": index, "value": [float(flat[i]) for i in index]}


def segresnet(options):
    return SegResNetDS(**{k: tuple(v) if k == "norm" and isinstance(v, list) else v for k, v in options.items()})


def dints(options):
    space = {k: options[k] for k in ("num_blocks", "num_depths", "channel_mul", "use_downsample")}
    codes = [numpy.array(options[k]) for k in ("arch_code_a", "arch_code_c")]
    outer = {"act_name": options["act_name"], "norm_name": tuple(options["norm_name"])}
    return DiNTS(TopologyInstance(arch_code=codes, **space, **outer), options["in_channels"], options["num_classes"],
                 use_downsample=options["use_downsample"], node_a=torch.tensor(options["node_a"]), **outer)


def unet(options, cls):
    named = {"torch.nn.modules.conv.Conv3d": torch.nn.Conv3d, "torch.nn.LeakyReLU": torch.nn.LeakyReLU,
             "torch.nn.modules.instancenorm.InstanceNorm3d": torch.nn.InstanceNorm3d}
    return cls(**{k: named.get(v, v) if isinstance(v, str) else v for k, v in options.items()})


MAKERS = {
    "monai.networks.nets.SegResNetDS": segresnet,
    "monai.networks.nets.SwinUNETR": lambda options: SwinUNETR(**options),
    "monai.networks.nets.DiNTS over TopologyInstance": dints,
    "dynamic_network_architectures PlainConvUNet": lambda options: unet(options, PlainConvUNet),
    "dynamic_network_architectures ResidualEncoderUNet": lambda options: unet(options, ResidualEncoderUNet),
}


def network(options, shape, cls="monai.networks.nets.SegResNetDS"):
    torch.manual_seed(0)
    net = MAKERS[cls](json.loads(json.dumps(options))).train()
    described = []
    with torch.no_grad():
        for k, (name, parameter) in enumerate(net.named_parameters()):
            size = tuple(parameter.shape)
            if len(size) > 1:
                fan = torch.tensor(size[1:]).prod().item()
                parameter.copy_(u(size, k) * 2 / fan**0.5)
                rule = "weight: u*2/sqrt(prod(shape[1:]))"
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.2 * u(size, k))
                rule = "scale: 1+0.2*u"
            else:
                parameter.copy_(0.2 * u(size, k))
                rule = "bias: 0.2*u"
            described.append({"k": k, "name": name, "shape": list(size), "rule": rule})
    buffers = {name: list(buffer.shape) for name, buffer in net.named_buffers()}
    outputs = net(2 * u(shape, 9001))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    loss = sum((output**2).mean() for output in outputs)
    loss.backward()
    return {"kind": "network", "note": {"class": cls, **options}, "formula": FORMULA,
            "input": {"shape": list(shape), "k": 9001, "rule": "2*u"}, "parameters": described,
            "parameter_count": sum(p.numel() for p in net.parameters()), "buffers": buffers,
            "outputs": [samples(output, 60) for output in outputs],
            "loss": {"rule": "sum over outputs of mean(output^2)", "value": float(loss)},
            "gradient_l2": {n: float(p.grad.norm()) for n, p in net.named_parameters() if p.grad is not None}}


CLASSES = {c.__name__: c for c in (DiceCELoss, DiceFocalLoss, DiceLoss, FocalLoss, GeneralizedDiceLoss, TverskyLoss)}


def losses(cases, channels, common, size=6):
    logits_shape, label_shape = [2, channels, size, size, size], [2, 1, size, size, size]
    values = max(channels, 2)
    label = ((u(label_shape, 502) + 0.5) * values).floor().clamp(max=values - 1)
    if channels > 2:
        label[1][label[1] == 2] = 0
    made = []
    for name, options in cases:
        given = dict(common, **options)
        if name == "FocalLoss":
            given.pop("softmax", None)
            given.pop("sigmoid", None)
        if name.startswith("DiceCE") and given.get("weight") is not None:
            given["weight"] = torch.tensor(given["weight"])
        logits = (6 * u(logits_shape, 501)).requires_grad_()
        value = CLASSES[name](**given)(logits, label)
        value.backward()
        made.append({"loss": name, "options": options, "value": float(value), "gradient_l2": float(logits.grad.norm()),
                     "gradient": samples(logits.grad, 24)})
    zeroed = [{"item": 1, "class": 2}] if channels > 2 else []
    return {"kind": "losses", "formula": "u(n,k) is the formula of the network references",
            "logits": {"shape": logits_shape, "k": 501, "scale": 6, "rule": "scale*u"},
            "label": {"shape": label_shape, "k": 502, "classes": values, "rule": "min(floor((u+0.5)*classes), classes-1)",
                      "zeroed": zeroed}, "common": common, "cases": made}


SMALL = {"init_filters": 4, "in_channels": 1, "out_channels": 2, "blocks_down": [1, 1, 1], "dsdepth": 2}
CUBE = [2, 1, 8, 8, 8]
NETWORKS = {
    "segresnet-batch": ({**SMALL, "norm": "BATCH"}, CUBE),
    "segresnet-group": ({**SMALL, "norm": ["GROUP", {"num_groups": 4}], "init_filters": 8}, CUBE),
    "segresnet-nontrainable": ({**SMALL, "norm": "INSTANCE", "upsample_mode": "nontrainable", "act": "leakyrelu"}, CUBE),
    "segresnet-defaults": ({"init_filters": 8, "blocks_down": [1, 1, 2]}, CUBE),
    "segresnet-pixelshuffle": ({**SMALL, "norm": ["BATCH", {"eps": 1e-3, "momentum": 0.3}], "upsample_mode": "pixelshuffle"}, CUBE),
    "segresnet-deconvgroup": ({**SMALL, "norm": ["group", {"num_groups": 2, "affine": False}], "upsample_mode": "deconvgroup",
                               "act": ["celu", {"alpha": 1.5}]}, CUBE),
    "segresnet-untracked": ({**SMALL, "norm": ["BATCH", {"track_running_stats": False, "affine": False}]}, CUBE),
    "segresnet-tracked": ({**SMALL, "norm": ["INSTANCE", {"track_running_stats": True}], "dsdepth": 1}, CUBE),
    "segresnet-syncbatch": ({**SMALL, "norm": "SYNCBATCH", "blocks_up": [2, 1]}, CUBE),
    "segresnet-anisotropic-nontrainable": ({**SMALL, "norm": ["GROUP", {"num_groups": 1, "eps": 1e-3}],
                                            "resolution": [1.0, 1.0, 3.0], "upsample_mode": "nontrainable"}, [1, 1, 8, 8, 4]),
    "segresnet-anisotropic-deconvgroup": ({**SMALL, "norm": "BATCH", "resolution": [1.0, 0.5, 4.0],
                                           "upsample_mode": "deconvgroup", "blocks_down": [1, 0, 2, 1]}, [2, 1, 8, 16, 4]),
    "segresnet-flat": ({**SMALL, "norm": "BATCH", "blocks_down": [2]}, CUBE),
    "segresnet-large-group": ({**SMALL, "init_filters": 16, "norm": ["GROUP", {"num_groups": 8}], "act": "gelu",
                               "blocks_down": [1, 2, 2, 4]}, [2, 1, 64, 64, 48]),
    "segresnet-large-batch": ({**SMALL, "init_filters": 16, "norm": "BATCH", "upsample_mode": "nontrainable",
                               "blocks_down": [1, 2, 2, 4], "act": ["swish", {"alpha": 1.5}]}, [2, 1, 64, 64, 48]),
    "segresnet-prelu": ({**SMALL, "norm": "INSTANCE", "act": "PRELU"}, CUBE),
}
SWIN = ("monai.networks.nets.SwinUNETR",)
DINTS = ("monai.networks.nets.DiNTS over TopologyInstance",)
UNET = {"input_channels": 2, "num_classes": 2, "n_stages": 3, "features_per_stage": [6, 8, 10],
        "conv_op": "torch.nn.modules.conv.Conv3d", "kernel_sizes": [[3, 1, 5], [1, 3, 3], [3, 3, 1]],
        "strides": [[1, 1, 1], [2, 1, 2], [1, 4, 2]], "n_conv_per_stage_decoder": [1, 2], "conv_bias": False,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d", "norm_op_kwargs": {"eps": 1e-3, "affine": True},
        "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"negative_slope": 0.1}, "deep_supervision": False}
# In configurations that the shared references do not have: what `npm run parity` may be given.
NETWORKS |= {
    "swinunetr-other": ({"in_channels": 2, "out_channels": 2, "feature_size": 12, "depths": [1, 2, 1, 1], "num_heads": [2, 4, 6, 8],
                         "window_size": [3, 5, 2], "qkv_bias": False, "mlp_ratio": 2.0, "normalize": False, "patch_norm": True,
                         "downsample": "mergingv2", "norm_name": ["instance", {"affine": True}]}, [1, 2, 64, 32, 32], *SWIN),
    "dints-other": ({"in_channels": 2, "num_classes": 3, "num_blocks": 3, "num_depths": 2, "channel_mul": 0.25,
                     "use_downsample": False, "act_name": "LEAKYRELU", "norm_name": ["INSTANCE", {"affine": False, "eps": 1e-4}],
                     "arch_code_a": [[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 0, 0]],
                     "arch_code_c": [[1, 2, 3, 0], [4, 0, 2, 1], [3, 4, 0, 0]],
                     "node_a": [[1, 1], [1, 1], [1, 1], [1, 0]]}, [1, 2, 8, 16, 12], *DINTS),
    "unet-plain-other": ({**UNET, "n_conv_per_stage": [1, 2, 1], "nonlin_first": True}, [2, 2, 8, 12, 16],
                         "dynamic_network_architectures PlainConvUNet"),
    "unet-residual-other": ({**UNET, "n_blocks_per_stage": [1, 1, 2], "stem_channels": 4, "deep_supervision": True},
                            [2, 2, 8, 12, 16], "dynamic_network_architectures ResidualEncoderUNet"),
}
SOFTMAX = {"to_onehot_y": True, "softmax": True}
SUM = {"reduction": "sum"}
WEIGHT = {"weight": [0.5, 2.0, 1.0]}
REST = {"include_background": False}
MANY = [
    ("DiceLoss", SUM), ("DiceLoss", WEIGHT), ("DiceLoss", {"weight": [2.0, 1.0], **REST}), ("DiceLoss", {"weight": 3, **SUM}),
    ("DiceLoss", {"soft_label": True}), ("DiceLoss", {"soft_label": True, "squared_pred": True}), ("DiceLoss", {"ignore_index": 1}),
    ("DiceLoss", {"ignore_index": 0, **REST}), ("DiceLoss", {"other_act": None, "ignore_index": 7}),
    ("DiceCELoss", SUM), ("DiceCELoss", {**SUM, "label_smoothing": 0.1}), ("DiceCELoss", WEIGHT),
    ("DiceCELoss", {**WEIGHT, **REST}), ("DiceCELoss", {**WEIGHT, **SUM, "label_smoothing": 0.2}),
    ("DiceCELoss", {**WEIGHT, "label_smoothing": 0.2, "lambda_dice": 0, "lambda_ce": 2}), ("DiceCELoss", {"batch": True, **SUM}),
    ("DiceCELoss", {"softmax": False, "sigmoid": True, **SUM}), ("DiceCELoss", {"softmax": False, "jaccard": True}),
    ("DiceFocalLoss", SUM), ("DiceFocalLoss", {**WEIGHT, "alpha": 0.25}), ("DiceFocalLoss", {"weight": 2, **REST, "gamma": 1}),
    ("DiceFocalLoss", {"weight": [2.0, 1.0], **REST}),
    ("GeneralizedDiceLoss", {**SUM, "w_type": "simple"}), ("GeneralizedDiceLoss", {"w_type": "uniform", "soft_label": True}),
    ("GeneralizedDiceLoss", {"batch": True, **REST}),
    ("TverskyLoss", {**SUM, "alpha": 0.7, "beta": 0.3}), ("TverskyLoss", {"soft_label": True, "batch": True}),
    ("TverskyLoss", {"ignore_index": 2, "softmax": False}),
    ("FocalLoss", {}), ("FocalLoss", SUM), ("FocalLoss", {"alpha": 0.25}), ("FocalLoss", {"alpha": [0.2, 0.3, 0.5], **SUM}),
    ("FocalLoss", {"use_softmax": True, "alpha": 0.25, "gamma": 3}), ("FocalLoss", {"use_softmax": True, "alpha": 0.25, **REST}),
    ("FocalLoss", {"use_softmax": True, "alpha": [0.4, 0.6], **REST}), ("FocalLoss", {**WEIGHT, "use_softmax": True}),
    ("FocalLoss", {"weight": 2, **REST}), ("FocalLoss", {"ignore_index": 1}), ("FocalLoss", {"ignore_index": 1, **SUM}),
    ("FocalLoss", {"ignore_index": 0, "use_softmax": True, **REST, "weight": [1, 2]}),
]
ONE = [
    ("DiceLoss", {"weight": 2}), ("DiceLoss", REST), ("DiceLoss", {"ignore_index": 0}), ("DiceCELoss", SUM),
    ("DiceCELoss", {"weight": [3.0]}), ("DiceCELoss", {"weight": [3.0], **SUM, "label_smoothing": 0.3}), ("DiceFocalLoss", {"alpha": 0.3}),
    ("GeneralizedDiceLoss", SUM), ("TverskyLoss", {}), ("FocalLoss", {"to_onehot_y": False}), ("FocalLoss", {"weight": 2, **SUM}),
    ("FocalLoss", {"use_softmax": True, "alpha": 0.3}), ("DiceLoss", {"sigmoid": False, "softmax": True, "to_onehot_y": False}),
]
LOSSES = {"losses-options": (MANY, 3, SOFTMAX), "losses-one-channel": (ONE, 1, {"to_onehot_y": True, "sigmoid": True})}

if __name__ == "__main__":
    folder, *only = sys.argv[1:]
    torch.use_deterministic_algorithms(True, warn_only=True)
    made = {**{name: (network, given) for name, given in NETWORKS.items()}, **{name: (losses, given) for name, given in LOSSES.items()}}
    for name, (make, given) in made.items():
        if only and name not in only:
            continue
        what = {"what": name} if make is network else {}
        with open(os.path.join(folder, f"{name}.json"), "w") as file:
            json.dump({**make(*given), **what}, file)
