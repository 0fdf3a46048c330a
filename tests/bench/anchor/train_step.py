"""One configuration of a training step by MONAI on PyTorch, in a process of its own.

Argument: a JSON object (tests/bench/step/configuration.ts); prints JSON lines: {"event": "first-step"}, then the result.
The counterpart of tests/bench/step/step-process.ts: same network, loss, optimiser, clipping, data and memory rule.
"""

import json
import sys
import time

import torch
from memory import mark, peak_above
from setting import autocast, device_of, make_network, memory_format, use_all_cores, wait_for

import monai.networks.nets  # noqa: F401 (libraries are loaded before memory is marked)
from monai.losses import DeepSupervisionLoss, DiceCELoss


def main() -> None:
    setting = json.loads(sys.argv[1])
    use_all_cores()
    torch.manual_seed(0)
    device = device_of(setting["device"])
    layout = memory_format(setting["channelsLast"])
    shape = (setting["batch"], setting["inChannels"], *setting["patch"])
    host_image = (torch.rand(shape) - 0.5).contiguous(memory_format=layout)
    host_label = torch.randint(0, setting["classes"], (setting["batch"], 1, *setting["patch"])).float()
    # What PyTorch imports only now (the optimiser brings its compiler) is no part of a step's memory.
    torch.optim.AdamW(make_network(setting["network"]).parameters(), fused=True)
    marked = mark()
    network = make_network(setting["network"]).to(device, memory_format=layout).train()
    loss_of = DeepSupervisionLoss(
        DiceCELoss(to_onehot_y=True, softmax=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-5)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-5, fused=True)

    def step() -> dict:
        started = time.perf_counter()
        image, label = host_image.to(device), host_label.to(device)
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, setting["precision"]):
            loss = loss_of(network(image), label)
        wait_for(device)
        forward = time.perf_counter()
        loss.backward()
        wait_for(device)
        backward = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(network.parameters(), setting["clipNorm"])
        optimizer.step()
        wait_for(device)
        ended = time.perf_counter()
        return {
            "stepMs": 1000 * (ended - started),
            "forwardMs": 1000 * (forward - started),
            "backwardMs": 1000 * (backward - forward),
            "optimizerMs": 1000 * (ended - backward),
        }

    first = step()
    print(json.dumps({"event": "first-step"}), flush=True)
    times = []
    if setting["measureMs"] > 0:
        step()
        until = time.perf_counter() + setting["measureMs"] / 1000
        while len(times) < setting["minSteps"] or time.perf_counter() < until:
            times.append(step())
    middle = {key: sorted(each[key] for each in times)[len(times) // 2] for key in first} if times else first
    print(json.dumps({**middle, "firstStepMs": first["stepMs"], "steps": len(times), "peakMb": peak_above(marked)}))


main()
