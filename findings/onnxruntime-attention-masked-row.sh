#!/usr/bin/env bash
# onnxruntime 1.30.0 and onnx 1.23.1 (Python 3), CPU
#
# One would expect: the operator Attention (opset 23) gives what the operators of its definition give: scores plus mask,
#   Softmax, times V. Where a mask of float32's lowest number covers a whole row, as for a query that is padding, every
#   score of the row is that number, and Softmax weighs all alike: the row is the mean of V.
# Behaviour: ONNX's reference implementation and the plain operators in ONNX Runtime give the mean. ONNX Runtime's own
#   Attention gives zeros, so that replacing one by the other changes rows of padding.
# Seen: plain operators 0.50 1.50, reference 0.50 1.50, Attention 0.00 0.00
# Exits with 1 once Attention gives the mean.
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

names = ["q", "k", "v"]
inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 2, 2]) for name in names]
mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [2, 2])
output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 2, 2])


def model(nodes):
    graph = helper.make_graph(nodes, "attention", [*inputs, mask], [output])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    checker.check_model(made)
    return made


fused = model([helper.make_node("Attention", [*names, "mask"], ["y"], scale=1.0)])
plain = model([
    helper.make_node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]),
    helper.make_node("MatMul", ["q", "t"], ["scores"]),
    helper.make_node("Add", ["scores", "mask"], ["masked"]),
    helper.make_node("Softmax", ["masked"], ["weights"]),
    helper.make_node("MatMul", ["weights", "v"], ["y"]),
])
lowest = np.finfo(np.float32).min
feeds = {
    "q": np.array([[[[1, 0], [0, 1]]]], np.float32),
    "k": np.array([[[[1, 0], [0, 1]]]], np.float32),
    "v": np.array([[[[0, 1], [1, 2]]]], np.float32),
    "mask": np.array([[0, 0], [lowest, lowest]], np.float32),
}


def run(made):
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0][0, 0]


results = {
    "plain operators": run(plain),
    "reference": reference.ReferenceEvaluator(fused).run(None, feeds)[0][0, 0],
    "Attention": run(fused),
}
print(", ".join(f"{name} {y[1][0]:.2f} {y[1][1]:.2f}" for name, y in results.items()))
others = [results["plain operators"], results["reference"]]
same = all(np.allclose(y[0], results["Attention"][0]) and np.allclose(y[1], [0.5, 1.5]) for y in others)
sys.exit(0 if same and not results["Attention"][1].any() else 1)
PY
env/bin/python run.py
