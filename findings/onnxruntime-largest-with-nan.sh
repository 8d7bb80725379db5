#!/usr/bin/env bash
# onnxruntime 1.30.0 and onnx 1.23.1 (Python 3), CPU
#
# One would expect: the largest of some numbers among which is a NaN is NaN, so that one ReduceMax over a tensor tells
#   whether all of it is sound. The operator Max gives NaN, and so does ONNX's reference implementation of ReduceMax.
# Behaviour: ONNX Runtime's ReduceMax and ReduceMin give NaN where the NaN comes first, and pass over it anywhere else.
# Seen: NaN first: ReduceMax nan, ReduceMin nan; NaN later: ReduceMax 2.0, ReduceMin 1.0, reference nan, Max nan
# Exits with 1 once a NaN counts wherever it is.
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


def model(operator, inputs, **attributes):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in inputs]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3] if operator == "Max" else [])
    node = helper.make_node(operator, inputs, ["y"], **attributes)
    graph = helper.make_graph([node], "largest", values, [output])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    checker.check_model(made)
    return made


def run(made, **feeds):
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


largest, smallest = (model(name, ["x"], keepdims=0) for name in ("ReduceMax", "ReduceMin"))
first = np.array([np.nan, 1, 2], np.float32)
later = np.array([1, np.nan, 2], np.float32)
of_first = [float(run(made, x=first)) for made in (largest, smallest)]
of_later = [float(run(made, x=later)) for made in (largest, smallest)]
expected = float(reference.ReferenceEvaluator(largest).run(None, {"x": later})[0])
pairs = float(run(model("Max", ["x", "z"]), x=later, z=np.zeros(3, np.float32))[1])
print(
    f"NaN first: ReduceMax {of_first[0]}, ReduceMin {of_first[1]}; "
    f"NaN later: ReduceMax {of_later[0]}, ReduceMin {of_later[1]}, reference {expected}, Max {pairs}"
)
sys.exit(0 if np.isnan([*of_first, expected, pairs]).all() and of_later == [2, 1] else 1)
PY
env/bin/python run.py
