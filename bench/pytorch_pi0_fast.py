"""π0-FAST in plain PyTorch: the yardstick that Nalu's graph is measured against.

Eager float32, written as in lerobot and transformers: separate projections, keys and values in a cache that grows by
concatenation, the likeliest token of each step, the words before the codes like all others. Needs torch.

  python bench/pytorch_pi0_fast.py CONFIG WEIGHTS --tokens N      times a chunk of N tokens behind a random prompt
  python bench/pytorch_pi0_fast.py CONFIG WEIGHTS --golden DIR    checks the tokens against the expected ones

CONFIG is a JSON with vision, language, cameras and prompt (tokens), WEIGHTS a safetensors file by lerobot's names.
Timing prints one line of JSON: the median of a chunk in milliseconds.
"""

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from pytorch_pi0 import PALIGEMMA, RENAMED, Gemma, Vision, load_safetensors


class Pi0Fast(nn.Module):
    def __init__(self, vision, language):
        super().__init__()
        sizes = {"width": "hidden_size", "mlp": "intermediate_size", "heads": "num_attention_heads",
                 "depth": "num_hidden_layers", "patch": "patch_size", "imageSize": "image_size"}
        text = {"width": "width", "mlp": "mlp_dim", "heads": "num_heads", "kvHeads": "num_kv_heads",
                "headDim": "head_dim", "depth": "depth"}
        self.vision = Vision({theirs: vision[own] for own, theirs in sizes.items()})
        self.projector = nn.Linear(vision["width"], language["width"])
        self.language = Gemma({theirs: language[own] for own, theirs in text.items()}, language["vocabulary"])
        self.head = nn.Linear(language["width"], language["vocabulary"], bias=False)

    def load(self, path):
        weights = {}
        for name, tensor in load_safetensors(path).items():
            name = name.removeprefix("model.")
            for prefix, short in RENAMED.items():
                name = name.replace(prefix, short)
            weights[name] = tensor.float()
        tied = weights["language.embed_tokens.weight"]
        weights["head.weight"] = weights.pop(PALIGEMMA + "lm_head.weight", tied)
        self.load_state_dict(weights)

    def embed(self, tokens):
        return self.language.embed_tokens(tokens) * math.sqrt(self.head.in_features)

    @torch.inference_mode()
    def write(self, images, prompt, count):
        """images [cameras, 3, side, side], prompt [tokens] -> so many tokens."""
        seen = self.projector(self.vision(images)).flatten(0, 1)
        x = torch.cat([seen, self.embed(prompt)])[None]
        past = None
        written = []
        for _ in range(count):
            tokens = x.shape[1]
            known = 0 if past is None else past[0][0].shape[2]
            positions = torch.arange(known, known + tokens)[None]
            mask = torch.ones(1, tokens, known + tokens, dtype=torch.bool)
            hidden, own = self.language(x, positions, mask, past)
            grow = lambda old, new: tuple(torch.cat(pair, 2) for pair in zip(old, new))
            past = own if past is None else [grow(*pair) for pair in zip(past, own)]
            written.append(self.head(hidden[:, -1]).argmax(-1))
            x = self.embed(written[-1])[None]
        return torch.cat(written)


def check(model, folder):
    expected = load_safetensors(folder / "expected.safetensors")
    begin = torch.tensor([2])
    for row, tokens in enumerate(expected["gen.tokens"]):
        present = [i for i in range(3) if expected[f"image_mask.{i}"][row]]
        images = torch.stack([expected[f"image.{i}"][row] for i in present])
        prompt = torch.cat([expected["lang_tokens"][row][expected["lang_masks"][row]], begin])
        count = expected["gen.logits"].shape[1]
        found = model.write(images, prompt, count)
        assert torch.equal(found, tokens[:count]), f"{found} instead of {tokens[:count]}"


def main():
    parser = argparse.ArgumentParser(description="Times or checks π0-FAST in plain PyTorch.")
    parser.add_argument("config", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = json.loads(options.config.read_text())
    model = Pi0Fast(config["vision"], config["language"])
    model.load(options.weights)
    if options.golden:
        return check(model, options.golden)
    side = config["vision"]["imageSize"]
    images = torch.rand(config["cameras"], 3, side, side) * 2 - 1
    prompt = torch.randint(config["language"]["vocabulary"], (config["prompt"],))
    times = []
    for _ in range(options.runs + 1):
        began = time.perf_counter()
        model.write(images, prompt, options.tokens)
        times.append((time.perf_counter() - began) * 1e3)
    print(json.dumps({"ms": statistics.median(times[1:])}))


main()
