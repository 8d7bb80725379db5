"""One training step of π0's action expert in plain PyTorch: the yardstick of bench/training.ts.

  python bench/pytorch_training.py --config CONFIG --folder FOLDER --batch N [--fused]

FOLDER holds model.safetensors (what learns: the expert and the projections) and inputs.N.safetensors
(the prefix's keys and values, state, actions, noise, times). The step is the loss and its gradients by
eager autograd. --fused takes PyTorch's scaled_dot_product_attention for attention's separate operators.

Prints one line of JSON: ms (median), loss, norm of the gradient, and in MiB peak (the process's largest
resident memory while it steps) and growth (that over what it held before weights and inputs). Linux only.
"""

import argparse
import gc
import json
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import pytorch_pi0
from pytorch_pi0 import Attention, Pi0, load_safetensors, rotate

WARM_UP = 2
EXPERT = "paligemma_with_expert.gemma_expert.model."


def resident(field):
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1024


class FusedAttention(Attention):
    def forward(self, x, rotary, mask, past):
        batch, tokens, _ = x.shape
        q = self.q_proj(x).view(batch, tokens, self.heads, -1).transpose(1, 2)
        k = self.k_proj(x).view(batch, tokens, self.kv_heads, -1).transpose(1, 2)
        v = self.v_proj(x).view(batch, tokens, self.kv_heads, -1).transpose(1, 2)
        q, k = rotate(q, *rotary), rotate(k, *rotary)
        own = (k, v)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        k, v = (x.expand(-1, self.heads, -1, -1) if self.kv_heads == 1
                else x.repeat_interleave(self.heads // self.kv_heads, dim=1) for x in (k, v))
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.o_proj(attended.transpose(1, 2).reshape(batch, tokens, -1)), own


def load_expert(config, path):
    """The model without what only the prefix needs."""
    model = Pi0(config)
    del model.vision, model.projector, model.language
    stored = load_safetensors(path)
    model.load_state_dict({name.replace(EXPERT, "expert."): tensor for name, tensor in stored.items()})
    return model


def flow_matching_loss(model, inputs, dims):
    layers = len(model.expert.layers)
    cache = [(inputs[f"keys.{i}"], inputs[f"values.{i}"]) for i in range(layers)]
    actions, noise, mask = (inputs[name] for name in ("actions", "noise", "mask"))
    t = inputs["time"][:, None]
    x = t[..., None] * noise + (1 - t[..., None]) * actions
    velocity = model.denoise(inputs["state"], (cache, inputs["valid"]), x, t)
    errors = (noise - actions - velocity)[..., :dims].square().mean(-1)
    return (errors * mask).sum() / mask.sum()


def main():
    parser = argparse.ArgumentParser(description="Times a training step of π0's expert in PyTorch.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--dims", type=int, default=14, help="action dimensions that are not padding")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fused", action="store_true", help="use scaled_dot_product_attention")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.fused:
        pytorch_pi0.Attention = FusedAttention

    baseline = resident("VmRSS")
    config = json.loads(options.config.read_text())
    model = load_expert(config, options.folder / "model.safetensors")
    inputs = load_safetensors(options.folder / f"inputs.{options.batch}.safetensors")
    gc.collect()
    # Forgets the peak of loading: what counts is the step's.
    Path("/proc/self/clear_refs").write_text("5")
    times = []
    for run in range(options.runs + WARM_UP):
        began = time.perf_counter()
        model.zero_grad(set_to_none=True)
        loss = flow_matching_loss(model, inputs, options.dims)
        loss.backward()
        if run >= WARM_UP:
            times.append((time.perf_counter() - began) * 1e3)
    peak = resident("VmHWM")
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = torch.sqrt(sum(gradient.double().square().sum() for gradient in gradients))
    print(json.dumps({"ms": statistics.median(times), "loss": loss.item(), "norm": norm.item(),
                      "peak": peak, "growth": peak - baseline}))


if __name__ == "__main__":
    main()
