#!/usr/bin/env bash
# onnxruntime 1.30.0 and onnx 1.23.1 (Python 3), CPU (x86-64)
#
# One would expect: a model that casts to float16, adds there and casts back rounds to float16 and overflows beyond 65504,
#   as ONNX's reference implementation does; all the more where graph optimisations are disabled.
# Behaviour: the CPU has no such addition, so that ONNX Runtime puts casts to float32 around it, and then takes the
#   model's own casts out with them: nothing is rounded and nothing overflows. Whoever declares the sum as an output to
#   look at it changes the result: it overflows now. A model that is tried on the CPU so hides what a GPU will show.
# Seen: reference inf, ONNX Runtime 80000.0; with the sum as an output as well inf
# Exits with 1 once the result does not depend on what else is an output.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check onnx==1.23.1 onnxruntime==1.30.0
cat >run.py <<'PY'
import sys
import warnings

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, reference

warnings.simplefilter("ignore")
nodes = [
    helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
    helper.make_node("Add", ["half", "half"], ["sum"]),
    helper.make_node("Cast", ["sum"], ["y"], to=TensorProto.FLOAT),
]
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
sums = helper.make_tensor_value_info("sum", TensorProto.FLOAT16, [1])
feeds = {"x": np.array([40000], np.float32)}


def model(outputs):
    graph = helper.make_graph(nodes, "sum", [x], outputs)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    checker.check_model(made)
    return made


def run(made):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return float(session.run(["y"], feeds)[0][0])


expected = float(reference.ReferenceEvaluator(model([y])).run(None, feeds)[0][0])
unseen, seen = run(model([y])), run(model([y, sums]))
print(f"reference {expected}, ONNX Runtime {unseen}; with the sum as an output as well {seen}")
sys.exit(0 if expected == seen == np.inf and unseen == 80000 else 1)
PY
env/bin/python run.py
