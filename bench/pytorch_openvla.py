"""OpenVLA in plain PyTorch: the yardstick that Nalu's graph is measured against.

Eager float32, written the way its parts are in timm and transformers: fused attention, separate projections in
Llama, keys and values in a cache that grows by concatenation, the likeliest token of each step. Needs torch.

  python bench/pytorch_openvla.py FOLDER    a folder with config.json, model, inputs and expected .safetensors

Checks the tokens against the expected ones, and prints one line of JSON: the processor time of an action of the first
row in milliseconds, the median of all runs.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from pytorch_pi0 import load_safetensors

TOWERS = ("vision_backbone.featurizer", "vision_backbone.fused_featurizer")
IMAGE_TOKENS_AFTER = 1  # the begin token


class OpenVla:
    def __init__(self, config, weights):
        self.config, self.w = config, weights
        text = config["text_config"]
        self.heads, self.head_dim = text["num_attention_heads"], text["head_dim"]
        self.kv_heads = text["num_key_value_heads"]
        self.layers, self.eps = text["num_hidden_layers"], text["rms_norm_eps"]
        half = torch.arange(0, self.head_dim, 2) / self.head_dim
        self.frequencies = text["rope_theta"] ** -half

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    # Vision ---------------------------------------------------------------------------------------

    def block(self, name, x, heads, scaled):
        def norm(part, x):
            return F.layer_norm(x, x.shape[-1:], self.w[f"{name}.{part}.weight"], self.w[f"{name}.{part}.bias"], 1e-6)

        def scale(part, x):
            return x * self.w[f"{name}.{part}.scale_factor"] if scaled else x

        batch, tokens, width = x.shape
        stacked = self.linear(f"{name}.attn.qkv", norm("norm1", x))
        q, k, v = stacked.reshape(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
        x = x + scale("ls1", self.linear(f"{name}.attn.proj", mixed))
        hidden = F.gelu(self.linear(f"{name}.mlp.fc1", norm("norm2", x)))
        return x + scale("ls2", self.linear(f"{name}.mlp.fc2", hidden))

    def tower(self, index, pixels):
        name, vision = TOWERS[index], self.config["vision"][index]
        kernel = self.w[f"{name}.patch_embed.proj.weight"]
        patches = F.conv2d(pixels, kernel, self.w[f"{name}.patch_embed.proj.bias"], stride=kernel.shape[-1])
        x = patches.flatten(2).transpose(1, 2) + self.w[f"{name}.pos_embed"]
        prefix = [self.w[f"{name}.{part}"] for part in ("cls_token", "reg_token") if f"{name}.{part}" in self.w]
        x = torch.cat([*prefix, x], 1)
        for block in range(vision["block_used"] + 1):
            x = self.block(f"{name}.blocks.{block}", x, vision["num_heads"], vision["layer_scale"])
        return x[:, sum(part.shape[1] for part in prefix) :]

    def image(self, pixels):
        x = torch.cat([self.tower(i, pixels[:, 3 * i : 3 * i + 3]) for i in range(2)], 2)
        x = F.gelu(self.linear("projector.fc1", x))
        x = F.gelu(self.linear("projector.fc2", x))
        return self.linear("projector.fc3", x)

    # Language -------------------------------------------------------------------------------------

    def norm(self, name, x):
        unit = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.w[f"{name}.weight"] * unit

    def rotate(self, x, cosines, sines):
        a, b = x.chunk(2, -1)
        return x * cosines + torch.cat([-b, a], -1) * sines

    def language(self, x, cache):
        past = cache[0][0].shape[2] if cache else 0
        batch, count, _ = x.shape
        angles = (torch.arange(past, past + count)[:, None] * self.frequencies).repeat(1, 2)
        cosines, sines = angles.cos(), angles.sin()
        grown = []
        for layer in range(self.layers):
            name = f"language_model.model.layers.{layer}"
            normed = self.norm(f"{name}.input_layernorm", x)

            def apart(part, heads):
                projected = self.linear(f"{name}.self_attn.{part}", normed)
                return projected.view(batch, count, heads, self.head_dim).transpose(1, 2)

            q = self.rotate(apart("q_proj", self.heads), cosines, sines)
            k = self.rotate(apart("k_proj", self.kv_heads), cosines, sines)
            v = apart("v_proj", self.kv_heads)
            if cache:
                k, v = torch.cat([cache[layer][0], k], 2), torch.cat([cache[layer][1], v], 2)
            grown.append((k, v))
            group = self.heads // self.kv_heads
            keys, values = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
            mixed = F.scaled_dot_product_attention(q, keys, values, is_causal=count > 1)
            x = x + self.linear(f"{name}.self_attn.o_proj", mixed.transpose(1, 2).reshape(batch, count, -1))
            normed = self.norm(f"{name}.post_attention_layernorm", x)
            gate = F.silu(self.linear(f"{name}.mlp.gate_proj", normed))
            x = x + self.linear(f"{name}.mlp.down_proj", gate * self.linear(f"{name}.mlp.up_proj", normed))
        return self.norm("language_model.model.norm", x), grown

    @torch.inference_mode()
    def act(self, pixels, ids, steps):
        """Tokens of an action."""
        table = self.w["language_model.model.embed_tokens.weight"]
        text = F.embedding(ids, table)[None]
        x = torch.cat([text[:, :IMAGE_TOKENS_AFTER], self.image(pixels), text[:, IMAGE_TOKENS_AFTER:]], 1)
        cache, tokens = None, []
        for _ in range(steps):
            hidden, cache = self.language(x, cache)
            tokens.append(self.linear("language_model.lm_head", hidden[:, -1]).argmax(-1))
            x = F.embedding(tokens[-1], table)[None]
        return torch.cat(tokens)


def main():
    parser = argparse.ArgumentParser(description="Times OpenVLA in plain PyTorch.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = json.loads((options.folder / "config.json").read_text())
    files = {name: load_safetensors(options.folder / f"{name}.safetensors") for name in ("model", "inputs", "expected")}
    model = OpenVla(config, files["model"])
    pixels, golden = files["expected"]["pixel_values"], files["expected"]["gen.tokens"]
    steps = golden.shape[1]
    for row in range(len(golden)):
        tokens = model.act(pixels[row : row + 1], files["inputs"][f"prompt_ids.{row}"], steps)
        assert torch.equal(tokens, golden[row]), f"{tokens} instead of {golden[row]}"
    times = []
    for _ in range(options.runs):
        began = time.process_time()
        model.act(pixels[:1], files["inputs"]["prompt_ids.0"], steps)
        times.append((time.process_time() - began) * 1e3)
    print(json.dumps({"ms": statistics.median(times)}))


main()
