#!/usr/bin/env bash
# onnx 1.23.1 and onnxruntime 1.30.0 (Python 3), CPU
#
# One would expect: ONNX's reference implementation, which is there to check runtimes with, samples an image as ONNX
#   Runtime does. GridSample, mode cubic, padding_mode border: half a pixel beyond the last of 0 0 0 1, the four pixels
#   around are 0 1 and twice the border's 1, with weights -0.09375 0.59375 0.59375 -0.09375, so 1.09375 comes out.
# Behaviour: ONNX Runtime (as PyTorch's grid_sample) repeats the border's pixels. The reference moves the place itself to
#   the border before it interpolates, and gives the border's pixel. Both agree inside, and for zeros and reflection.
# Seen: runtime 1.09375, reference 1.00000; a quarter of a pixel inside both 0.77344
# Exits with 1 once both agree.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check onnx==1.23.1 onnxruntime==1.30.0
cat >run.py <<'PY'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, reference

inputs = [
    helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 4]),
    helper.make_tensor_value_info("grid", TensorProto.FLOAT, [1, 1, 2, 2]),
]
output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 2])
node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode="cubic", padding_mode="border", align_corners=1)
model = helper.make_model(
    helper.make_graph([node], "sample", inputs, [output]),
    opset_imports=[helper.make_opsetid("", 20)],
    ir_version=10,
)
checker.check_model(model)

image = np.array([0, 0, 0, 1], np.float32).reshape(1, 1, 1, 4)
# In pixels: half a pixel beyond the last one, a quarter before it. -1 and 1 are the centres of the outer pixels.
places = np.array([3.5, 2.75], np.float32) / 1.5 - 1
grid = np.stack([places, np.zeros(2, np.float32)], axis=-1).astype(np.float32).reshape(1, 1, 2, 2)
feeds = {"x": image, "grid": grid}
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
beyond, inside = session.run(None, feeds)[0].ravel()
beyond_reference, inside_reference = reference.ReferenceEvaluator(model).run(None, feeds)[0].ravel()
print(f"beyond: runtime {beyond:.5f}, reference {beyond_reference:.5f}")
print(f"inside: runtime {inside:.5f}, reference {inside_reference:.5f}")
sys.exit(not (abs(beyond - 1.09375) < 1e-5 and abs(beyond_reference - 1) < 1e-5 and abs(inside - inside_reference) < 1e-5))
PY
env/bin/python run.py
