"""π0 at its published size in plain PyTorch on a CUDA device, in bfloat16: medians of a chunk.

The model of pytorch_pi0.py with random weights and 10 prompt tokens, eager. Prints a line of JSON:
milliseconds of a chunk for one, two and three cameras, and what this device reaches in a large matrix
product (TFLOP/s) and in a copy (GB/s, read and written).
"""

import json
import statistics
import time

import pytorch_pi0
import torch

GEMMA = {"num_heads": 8, "num_kv_heads": 1, "head_dim": 256, "depth": 18}
CONFIG = {
    "text_config": {**GEMMA, "width": 2048, "mlp_dim": 16384},
    "expert_config": {**GEMMA, "width": 1024, "mlp_dim": 4096},
    "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27, "num_attention_heads": 16,
                      "intermediate_size": 4304, "patch_size": 14, "image_size": 224},
    "vocab_size": 257152, "tokenizer_max_length": 10, "chunk_size": 50, "max_action_dim": 32,
    "max_state_dim": 32, "num_inference_steps": 10, "num_cameras": 3,
}
RUNS, WARM_UP = 10, 3


def median_ms(function):
    times = []
    for _ in range(RUNS + WARM_UP):
        torch.cuda.synchronize()
        began = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times[WARM_UP:])


def random_inputs(cameras):
    return (torch.rand(1, cameras, 3, 224, 224) * 2 - 1, torch.ones(1, cameras, dtype=torch.bool),
            torch.randint(CONFIG["vocab_size"], (1, 10)), torch.ones(1, 10, dtype=torch.bool),
            torch.randn(1, 32), torch.randn(1, 50, 32))


def main():
    torch.set_default_device("cuda")
    torch.set_default_dtype(torch.bfloat16)
    model = pytorch_pi0.Pi0(CONFIG).eval()
    torch.set_default_dtype(torch.float32)
    report = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16):
        inputs = {cameras: random_inputs(cameras) for cameras in (1, 2, 3)}
        report["ms"] = [median_ms(lambda: model(*inputs[cameras])) for cameras in inputs]
        a = torch.randn(8192, 8192, dtype=torch.bfloat16)
        report["tflops"] = 2 * 8192**3 / median_ms(lambda: a @ a) / 1e9
        x = torch.empty(2**31, dtype=torch.int8)
        y = torch.empty_like(x)
        report["copyGBs"] = 2 * 2**31 / median_ms(lambda: y.copy_(x)) / 1e6
    print(json.dumps(report))


if __name__ == "__main__":
    main()
