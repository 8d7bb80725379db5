"""π0 in plain PyTorch: the yardstick that Nalu's graphs are measured against.

Eager float32, written the way π0 usually is in PyTorch: separate projections, keys and values of
the prefix computed once, the suffix run once per Euler step. Needs torch; --export needs onnx too.

  python bench/pytorch_pi0.py --golden test/golden                    check against known actions
  python bench/pytorch_pi0.py --config test/golden/mid_config.json    time, random weights
  python bench/pytorch_pi0.py --config … --export plain.onnx          also export the whole sampler

Prints one line of JSON: medians in milliseconds of a chunk (eagerMs, and compiledMs with --compile,
which takes minutes) and of its parts (visionMs: all cameras; prefixMs: prompt embedding and keys and
values of the prefix; denoiseMs: one Euler step). A busy machine multiplies these figures: with as
many threads as cores, each operator waits for the slower one.

The exported graph has no symbolic dimensions:
  images       float32 [1, cameras, 3, side, side]   RGB, -1…1
  camera_mask  bool    [1, cameras]
  tokens       int64   [1, maxTokens]
  token_mask   bool    [1, maxTokens]
  state        float32 [1, stateDim]                 normalised
  noise        float32 [1, horizon, actionDim]
  actions      float32 [1, horizon, actionDim]       output, normalised
"""

import argparse
import json
import math
import statistics
import struct
import sys
import time
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

MASKED = -2.3819763e38
GOLDEN_TOLERANCE = 2e-5
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
          "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool}


def load_safetensors(path):
    data = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)

    def tensor(entry):
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]])
        return flat.reshape(entry["shape"])

    return {name: tensor(entry) for name, entry in header.items()}


# Vision -------------------------------------------------------------------------------------------


class VisionAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            nn.Linear(width, width) for _ in range(4)
        )

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = (
            project(x).view(batch, tokens, self.heads, -1).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(attended.transpose(1, 2).reshape(batch, tokens, width))


class VisionMlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class VisionLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.layer_norm1 = nn.LayerNorm(width, eps=1e-6)
        self.layer_norm2 = nn.LayerNorm(width, eps=1e-6)
        self.self_attn = VisionAttention(width, config["num_attention_heads"])
        self.mlp = VisionMlp(width, config["intermediate_size"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Vision(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, patch = config["hidden_size"], config["patch_size"]
        patches = (config["image_size"] // patch) ** 2
        self.embeddings = nn.ModuleDict(
            {
                "patch_embedding": nn.Conv2d(3, width, kernel_size=patch, stride=patch),
                "position_embedding": nn.Embedding(patches, width),
            }
        )
        layers = [VisionLayer(config) for _ in range(config["num_hidden_layers"])]
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(layers)})
        self.post_layernorm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, image):
        x = self.embeddings["patch_embedding"](image).flatten(2).transpose(1, 2)
        x = x + self.embeddings["position_embedding"].weight
        for layer in self.encoder["layers"]:
            x = layer(x)
        return self.post_layernorm(x)


# Gemma, for language and for actions --------------------------------------------------------------


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        variance = x.float().pow(2).mean(-1, keepdim=True)
        return x * torch.rsqrt(variance + 1e-6) * (1 + self.weight)


def rotation(positions, head_dim):
    frequencies = 10000 ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = positions[..., None].float() * frequencies
    angles = torch.cat([angles, angles], dim=-1)[:, None]
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, self.head_dim = config["width"], config["head_dim"]
        self.heads, self.kv_heads = config["num_heads"], config["num_kv_heads"]
        self.q_proj = nn.Linear(width, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, width, bias=False)

    def forward(self, x, rotary, mask, past):
        """Returns the output and this layer's own keys and values, [batch, kv heads, tokens, head_dim]."""
        batch, tokens, _ = x.shape
        q = self.q_proj(x).view(batch, tokens, self.heads, -1).transpose(1, 2)
        k = self.k_proj(x).view(batch, tokens, self.kv_heads, -1).transpose(1, 2)
        v = self.v_proj(x).view(batch, tokens, self.kv_heads, -1).transpose(1, 2)
        q, k = rotate(q, *rotary), rotate(k, *rotary)
        own = (k, v)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        groups = self.heads // self.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        logits = q @ k.transpose(2, 3) * self.head_dim**-0.5 + mask
        weights = F.softmax(logits, dim=-1, dtype=torch.float32)
        attended = (weights @ v).transpose(1, 2).reshape(batch, tokens, -1)
        return self.o_proj(attended), own


class GatedMlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.gelu(self.gate_proj(x), approximate="tanh") * self.up_proj(x))


class GemmaLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm = RmsNorm(config["width"])
        self.post_attention_layernorm = RmsNorm(config["width"])
        self.self_attn = Attention(config)
        self.mlp = GatedMlp(config["width"], config["mlp_dim"])

    def forward(self, x, rotary, mask, past):
        attended, own = self.self_attn(self.input_layernorm(x), rotary, mask, past)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), own


class Gemma(nn.Module):
    def __init__(self, config, vocabulary=None):
        super().__init__()
        self.head_dim = config["head_dim"]
        if vocabulary is not None:
            self.embed_tokens = nn.Embedding(vocabulary, config["width"])
        self.layers = nn.ModuleList(GemmaLayer(config) for _ in range(config["depth"]))
        self.norm = RmsNorm(config["width"])

    def forward(self, x, positions, mask, past=None):
        """Returns the last hidden state and each layer's keys and values."""
        rotary = rotation(positions, self.head_dim)
        bias = torch.where(mask[:, None], 0.0, MASKED)
        cache = []
        for i, layer in enumerate(self.layers):
            x, own = layer(x, rotary, bias, None if past is None else past[i])
            cache.append(own)
        return self.norm(x), cache


# The policy ---------------------------------------------------------------------------------------


class Pi0(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        text, expert, vision = (config[f"{part}_config"] for part in ("text", "expert", "vision"))
        width = expert["width"]
        self.steps = config["num_inference_steps"]
        self.vision = Vision(vision)
        self.projector = nn.Linear(vision["hidden_size"], text["width"])
        self.language = Gemma(text, config["vocab_size"])
        self.expert = Gemma(expert)
        self.state_proj = nn.Linear(config["max_state_dim"], width)
        self.action_in_proj = nn.Linear(config["max_action_dim"], width)
        self.action_time_mlp_in = nn.Linear(2 * width, width)
        self.action_time_mlp_out = nn.Linear(width, width)
        self.action_out_proj = nn.Linear(width, config["max_action_dim"])

    def embed_images(self, images):
        return [self.projector(self.vision(image)) for image in images.unbind(1)]

    def encode_prefix(self, image_tokens, camera_mask, tokens, token_mask):
        """Keys and values of cameras and prompt, and which of them are valid."""
        text = self.language.embed_tokens(tokens)
        text = text * math.sqrt(text.shape[-1])
        embedded = torch.cat([*image_tokens, text], dim=1)
        valid = torch.cat(
            [camera_mask.repeat_interleave(image_tokens[0].shape[1], dim=1), token_mask], dim=1
        )
        positions = valid.long().cumsum(1) - 1
        mask = valid[:, None, :] & valid[:, :, None]
        _, cache = self.language(embedded, positions, mask)
        return cache, valid

    def embed_time(self, t, batch):
        half = self.config["expert_config"]["width"] // 2
        shortest = self.config.get("min_period", 4e-3)
        longest = self.config.get("max_period", 4.0)
        fraction = torch.linspace(0, 1, half, dtype=torch.float64)
        period = shortest * (longest / shortest) ** fraction
        angle = (t.double() * 2 * math.pi / period).expand(batch, half)
        return torch.cat([angle.sin(), angle.cos()], dim=1).float()

    def denoise(self, state, prefix, x, t):
        """Velocity at x and flow time t."""
        cache, prefix_valid = prefix
        batch, horizon, _ = x.shape
        actions = self.action_in_proj(x)
        times = self.embed_time(t, batch)[:, None].expand_as(actions)
        hidden = F.silu(self.action_time_mlp_in(torch.cat([actions, times], dim=-1)))
        actions = self.action_time_mlp_out(hidden)
        suffix = torch.cat([self.state_proj(state)[:, None], actions], dim=1)

        block = torch.arange(horizon + 1).clamp(max=1)
        suffix_mask = (block[None, :] <= block[:, None]).expand(batch, -1, -1)
        prefix_mask = prefix_valid[:, None].expand(-1, horizon + 1, -1)
        mask = torch.cat([prefix_mask, suffix_mask], dim=2)
        positions = prefix_valid.long().sum(1, keepdim=True) + torch.arange(horizon + 1)
        hidden, _ = self.expert(suffix, positions, mask, cache)
        return self.action_out_proj(hidden[:, -horizon:])

    def euler(self, state, prefix, noise):
        dt = -1 / self.steps
        x = noise
        for step in range(self.steps):
            t = torch.tensor(1 + step * dt, dtype=torch.float32)
            x = x + dt * self.denoise(state, prefix, x, t)
        return x

    def forward(self, images, camera_mask, tokens, token_mask, state, noise):
        prefix = self.encode_prefix(self.embed_images(images), camera_mask, tokens, token_mask)
        return self.euler(state, prefix, noise)


PALIGEMMA = "paligemma_with_expert.paligemma."
RENAMED = {
    PALIGEMMA + "model.vision_tower.vision_model.": "vision.",
    PALIGEMMA + "model.multi_modal_projector.linear.": "projector.",
    PALIGEMMA + "model.language_model.": "language.",
    "paligemma_with_expert.gemma_expert.model.": "expert.",
}


def load_weights(model, path):
    """Takes lerobot's names, and openpi's, which lack the prefix and may have the embedding tied."""
    weights = {}
    for name, tensor in load_safetensors(path).items():
        name = name.removeprefix("model.")
        for prefix, short in RENAMED.items():
            if name.startswith(prefix):
                name = short + name[len(prefix) :]
        weights[name] = tensor.float()
    head = weights.pop(PALIGEMMA + "lm_head.weight", None)
    weights.setdefault("language.embed_tokens.weight", head)
    weights.pop("paligemma_with_expert.gemma_expert.lm_head.weight", None)
    # Nothing reads the prefix's tokens after the last layer's keys and values.
    last = f"language.layers.{len(model.language.layers) - 1}"
    unread = ("language.norm.", f"{last}.post_attention_layernorm.", f"{last}.mlp.", f"{last}.self_attn.o_proj.")
    missing, surplus = model.load_state_dict(weights, strict=False)
    wrong = surplus + [name for name in missing if not name.startswith(unread)]
    if wrong:
        raise SystemExit(f"{path}: missing or surplus weights: {', '.join(wrong)}")


def load_inputs(path, cameras):
    stored = load_safetensors(path)
    stack = lambda name: torch.stack([stored[f"{name}.{i}"] for i in range(cameras)], dim=1)
    return (stack("image"), stack("image_mask"), stored["lang_tokens"], stored["lang_masks"],
            stored["state"], stored["noise"])


def random_inputs(config, seed=0):
    generator = torch.Generator().manual_seed(seed)
    side = config["vision_config"]["image_size"]
    cameras, tokens = config["num_cameras"], config["tokenizer_max_length"]
    images = torch.rand(1, cameras, 3, side, side, generator=generator) * 2 - 1
    ids = torch.randint(config["vocab_size"], (1, tokens), generator=generator)
    token_mask = torch.arange(tokens)[None] < max(1, tokens // 2)
    state = torch.randn(1, config["max_state_dim"], generator=generator)
    noise = torch.randn(
        1, config["chunk_size"], config["max_action_dim"], generator=generator
    )
    return images, torch.ones(1, cameras, dtype=torch.bool), ids, token_mask, state, noise


# Measuring ----------------------------------------------------------------------------------------


def timed(function, *arguments):
    began = time.perf_counter()
    result = function(*arguments)
    return result, (time.perf_counter() - began) * 1e3


def medians(samples):
    return {name: round(statistics.median(values), 2) for name, values in samples.items()}


def measure(model, inputs, runs, warm_up=3):
    images, camera_mask, tokens, token_mask, state, noise = inputs
    samples = {"eagerMs": [], "visionMs": [], "prefixMs": [], "denoiseMs": []}
    half_time = torch.tensor(0.5)
    for run in range(runs + warm_up):
        _, whole = timed(model, *inputs)
        embedded, vision = timed(model.embed_images, images)
        prefix, encoding = timed(model.encode_prefix, embedded, camera_mask, tokens, token_mask)
        _, step = timed(model.denoise, state, prefix, noise, half_time)
        if run >= warm_up:
            for name, value in zip(samples, (whole, vision, encoding, step)):
                samples[name].append(value)
    return medians(samples)


def measure_compiled(model, inputs, runs):
    """Cameras, prefix and one step are compiled each; the whole, whose ten steps are unrolled, takes many minutes."""
    for part in ("embed_images", "encode_prefix", "denoise"):
        setattr(model, part, torch.compile(getattr(model, part)))
    for _ in range(3):
        model(*inputs)
    return medians({"compiledMs": [timed(model, *inputs)[1] for _ in range(runs)]})


def export(model, inputs, path):
    # Every shape is fixed on purpose.
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    torch.onnx.export(
        model, inputs, path, dynamo=False, opset_version=17, do_constant_folding=True,
        input_names=["images", "camera_mask", "tokens", "token_mask", "state", "noise"],
        output_names=["actions"],
    )


def main():
    parser = argparse.ArgumentParser(description="Times π0 in plain PyTorch.")
    parser.add_argument("--golden", type=Path, help="folder with config, model, inputs, expected")
    parser.add_argument("--config", type=Path, help="dimensions; by default the golden folder's")
    parser.add_argument("--weights", type=Path, help="safetensors; random weights without it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="time torch.compile too")
    parser.add_argument("--export", type=Path, help="write the sampler as an ONNX file")
    options = parser.parse_args()
    if not options.golden and not options.config:
        parser.error("give --golden or --config")

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = json.loads((options.config or options.golden / "config.json").read_text())
    weights = options.weights
    if options.golden and not options.config:
        weights = weights or options.golden / "model.safetensors"
    model = Pi0(config).eval()
    if weights:
        load_weights(model, weights)

    if options.export:
        with torch.no_grad():
            export(model, random_inputs(config), str(options.export))

    report = {"torch": torch.__version__, "threads": options.threads}
    with torch.inference_mode():
        inputs = random_inputs(config)
        if options.golden and not options.config:
            inputs = load_inputs(options.golden / "inputs.safetensors", config["num_cameras"])
            expected = load_safetensors(options.golden / "expected.safetensors")["actions_sampled"]
            report["goldenMaxAbsDiff"] = (model(*inputs) - expected).abs().max().item()
        report |= {"compiledMs": None} | measure(model, inputs, options.runs)
        if options.compile:
            report |= measure_compiled(model, inputs, options.runs)
    print(json.dumps(report))
    if report.get("goldenMaxAbsDiff", 0) > GOLDEN_TOLERANCE:
        sys.exit(f"the actions differ from the known ones by more than {GOLDEN_TOLERANCE}")


if __name__ == "__main__":
    main()
