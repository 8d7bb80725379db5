"""Octo in plain PyTorch: the yardstick that Nalu's graphs are measured against.

Eager float32, from Octo's formulas, weights as in its checkpoints (Flax's names, paths joined by /). Needs torch.

  python bench/pytorch_octo.py FOLDER --golden          check against known readouts and chunks in FOLDER
  python bench/pytorch_octo.py FOLDER --config FILE     time a chunk of one step, with the weights in FOLDER

FILE is the architecture of a bundle's policy.json, as JSON. Prints one line of JSON: the median in milliseconds.
"""

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from pytorch_pi0 import load_safetensors

ROOT = "octo_transformer"
BLOCKS = f"{ROOT}/BlockTransformer_0/Transformer_0"
LOWEST = torch.finfo(torch.float32).min


class Octo:
    """The policy as functions of its weights, which are laid out once as PyTorch's own layers have theirs."""

    def __init__(self, weights, config):
        self.config = config
        self.linears, self.vectors, self.convolutions = {}, weights, {}
        for name, value in weights.items():
            if not name.endswith("/kernel"):
                continue
            layer = name.removesuffix("/kernel")
            bias = weights.get(f"{layer}/bias")
            if value.dim() == 4:
                kernel = value
                if "StdConv" in layer:
                    centred = kernel - kernel.mean((0, 1, 2))
                    kernel = centred / (kernel.std((0, 1, 2), unbiased=False) + 1e-5)
                self.convolutions[layer] = kernel.permute(3, 2, 0, 1).contiguous(), bias
            else:
                size = math.prod(value.shape[:2]) if layer.endswith("/out") else value.shape[0]
                flat = value.reshape(size, -1).t().contiguous()
                self.linears[layer] = flat, bias if bias is None else bias.reshape(-1)

    def dense(self, name, x):
        return F.linear(x, *self.linears[name])

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.vectors[f"{name}/scale"], self.vectors[f"{name}/bias"], 1e-6)

    def stem(self, image, seen, goal):
        """Bytes [batch, window, side, side, 3] and [batch, side, side, 3] → patches [batch, window, count, features]."""
        batch, window = seen.shape[:2]
        name = f"{ROOT}/observation_tokenizers_{image['name']}/{image['encoder']}_0"
        both = torch.cat([seen, goal[:, None].expand_as(seen)], -1) if image["goal"] else seen
        x = both.flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1
        for i, one in enumerate(image["convolutions"]):
            x = F.conv2d(x, *self.convolutions[f"{name}/StdConv_{i}"], stride=one["stride"], padding=one["padding"])
            norm = f"{name}/GroupNorm_{i}"
            x = F.relu(F.group_norm(x, 32, self.vectors[f"{norm}/scale"], self.vectors[f"{norm}/bias"], 1e-6))
        x = F.conv2d(x, *self.convolutions[f"{name}/embedding"], stride=image["patch"])
        return x.flatten(2).transpose(1, 2).unflatten(0, (batch, window))

    def tokens(self, observation):
        """The sequence [batch, all, width], and which tokens see which [batch, all, all]."""
        config = self.config
        steps = observation["steps"]
        batch, window = steps.shape
        kinds, groups, valid = [], [], []
        for image in config["images"]:
            name = image["name"]
            patches = self.stem(image, observation[f"image.{name}"], observation[f"goal.{name}"])
            group = f"{ROOT}/obs_{name}"
            groups.append(self.dense(f"{group}_projection", patches) + self.vectors[f"{group}_pos_embedding"][:, :window])
            count = patches.shape[2]
            valid.append((steps & observation[f"seen.{name}"])[:, :, None].expand(-1, -1, count))
            kinds += [1] * count
        task = self.dense(f"{ROOT}/task_language_projection", observation["language"])
        task = task + self.vectors[f"{ROOT}/task_language_pos_embedding"]
        count = task.shape[1]
        given = observation["instructed"][:, None].expand(-1, count)
        if config["language"]["repeated"]:
            groups.append(task[:, None].expand(-1, window, -1, -1))
            valid.append(given[:, None].expand(-1, window, -1))
            kinds += [1] * count
        readout = self.vectors[f"{ROOT}/readout_{config['head']['readout']}_pos_embedding"][:, :window]
        groups.append(readout.expand(batch, -1, -1, -1))
        valid.append(torch.ones(batch, window, config["readouts"], dtype=torch.bool))
        kinds += [2] * config["readouts"]
        sequence = torch.cat([task, torch.cat(groups, 2).flatten(1, 2)], 1)
        valid = torch.cat([given, torch.cat(valid, 2).flatten(1)], 1)
        kind = torch.tensor([0] * count + kinds * window)
        step = torch.tensor([-1] * count + [i for i in range(window) for _ in kinds])
        rules = (kind[None] <= kind[:, None]) & (step[None] <= step[:, None])
        return sequence, rules & valid[:, None]

    def transform(self, x, mask):
        heads = self.config["heads"]
        bias = torch.where(mask, 0.0, LOWEST)[:, None]
        for i in range(self.config["depth"]):
            block = f"{BLOCKS}/encoderblock_{i}"
            own = f"{block}/MultiHeadDotProductAttention_0"
            y = self.norm(f"{block}/LayerNorm_0", x)
            q, k, v = (self.dense(f"{own}/{part}", y).unflatten(-1, (heads, -1)).transpose(1, 2) for part in ("query", "key", "value"))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
            x = x + self.dense(f"{own}/out", y.transpose(1, 2).flatten(2))
            y = F.gelu(self.dense(f"{block}/MlpBlock_0/Dense_0", self.norm(f"{block}/LayerNorm_1", x)), approximate="tanh")
            x = x + self.dense(f"{block}/MlpBlock_0/Dense_1", y)
        return self.norm(f"{BLOCKS}/encoder_norm", x)

    def noise(self, times, readout, noisy):
        head = self.config["head"]
        name = f"heads_{head['name']}/diffusion_model"
        angles = 2 * math.pi * times @ self.vectors[f"{name}/time_preprocess/kernel"].t()
        features = torch.cat([angles.cos(), angles.sin()], -1)
        condition = self.dense(f"{name}/cond_encoder/Dense_1", F.silu(self.dense(f"{name}/cond_encoder/Dense_0", features)))
        network = f"{name}/reverse_network"
        x = self.dense(f"{network}/Dense_0", torch.cat([condition, readout, noisy], -1))
        for i in range(head["blocks"]):
            block = f"{network}/MLPResNetBlock_{i}"
            y = self.norm(f"{block}/LayerNorm_0", x) if head["layerNorm"] else x
            x = x + self.dense(f"{block}/Dense_1", F.silu(self.dense(f"{block}/Dense_0", y)))
        return self.dense(f"{network}/Dense_1", F.silu(x))

    def denoise(self, readout, x, draws):
        """Readout tokens [batch, readouts, width], noise [batch, flat] and [steps, batch, flat] → chunks [batch, flat]."""
        head = self.config["head"]
        count = head["steps"]
        left = [math.cos((k / count + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(count + 1)]
        betas = [min(0.999, 1 - left[k + 1] / left[k]) for k in range(count)]
        hats, product = [], 1.0
        for beta in betas:
            product *= 1 - beta
            hats.append(product)
        mean = readout.mean(1)
        for i, step in enumerate(reversed(range(count))):
            predicted = self.noise(torch.full((len(x), 1), float(step)), mean, x)
            x = (x - betas[step] / math.sqrt(1 - hats[step]) * predicted) / math.sqrt(1 - betas[step])
            if step > 0:
                x = x + math.sqrt(betas[step]) * draws[i]
            x = x.clamp(-head["maxAction"], head["maxAction"])
        return x

    def chunk(self, observation, noise, draws):
        sequence, mask = self.tokens(observation)
        outputs = self.transform(sequence, mask)
        return self.denoise(outputs[:, -self.config["readouts"] :], noise, draws)


def observation_of(config, inputs):
    """The golden observation; a camera without a goal is shown zeros."""
    found = {
        "steps": inputs["observations/timestep_pad_mask"],
        "language": inputs["tasks/language_instruction"],
        "instructed": inputs["tasks/pad_mask_dict/language_instruction"],
    }
    for image in config["images"]:
        name = image["name"]
        found[f"image.{name}"] = inputs[f"observations/image_{name}"]
        none = torch.zeros_like(found[f"image.{name}"][:, 0])
        found[f"goal.{name}"] = inputs.get(f"tasks/image_{name}", none)
        found[f"seen.{name}"] = inputs[f"observations/pad_mask_dict/image_{name}"]
    return found


def one_step(config):
    """A random observation of one step, with all images and an instruction."""
    found = {"steps": torch.ones(1, 1, dtype=torch.bool), "instructed": torch.ones(1, dtype=torch.bool)}
    found["language"] = torch.randn(1, config["language"]["tokens"], config["language"]["width"])
    for image in config["images"]:
        name, side = image["name"], image["imageSize"]
        found[f"image.{name}"] = torch.randint(256, (1, 1, side, side, 3), dtype=torch.uint8)
        found[f"goal.{name}"] = torch.zeros(1, side, side, 3, dtype=torch.uint8)
        found[f"seen.{name}"] = torch.ones(1, 1, dtype=torch.bool)
    return found


def check(policy, folder):
    inputs = load_safetensors(folder / "inputs.safetensors")
    expected = load_safetensors(folder / "expected.safetensors")
    sequence, mask = policy.tokens(observation_of(policy.config, inputs))
    assert torch.equal(mask, expected["attention_mask"])
    golden = expected["outputs/readout_action"]
    outputs = policy.transform(sequence, mask)
    count = policy.config["readouts"]
    chunk = policy.denoise(outputs[:, -count:], inputs["sample.noise"][:, -1], inputs["sample.z"][:, :, -1])
    return {
        "readout": (outputs[:, -count:] - golden[:, -1]).abs().max().item(),
        "chunk": (chunk - expected["sample.actions_normalized"].flatten(1)).abs().max().item(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    config = json.loads(arguments.config.read_text())
    policy = Octo(load_safetensors(arguments.folder / "model.safetensors"), config)
    with torch.inference_mode():
        if arguments.golden:
            print(json.dumps(check(policy, arguments.folder)))
            return
        flat = config["horizon"] * config["actionDim"]
        observation, noise = one_step(config), torch.randn(1, flat)
        draws = torch.randn(config["head"]["steps"], 1, flat)
        times = []
        for _ in range(arguments.runs + 3):
            began = time.perf_counter()
            policy.chunk(observation, noise, draws)
            times.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"eagerMs": statistics.median(times[3:])}))


if __name__ == "__main__":
    main()
