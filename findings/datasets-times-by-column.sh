#!/usr/bin/env bash
# datasets 5.0.1, numpy 2.4.6 (Python 3)
#
# One would expect: a float64 column in the format "numpy" is float64, and gives the same numbers whether one asks for a
#   row or for a column.
# Behaviour: a row's number is a float64. The same number from a column, a slice or a batch is a float32: times since
#   1970 are off by up to 64 s, and frames at 50 Hz all have one time.
# Seen: row float64 1732999999.12 1732999999.14, column float32 1732999936.00 1732999936.00
# Exits with 1 once both have one type.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check datasets==5.0.1 numpy==2.4.6
cat >run.py <<'PY'
import sys

from datasets import Dataset

times = Dataset.from_dict({"time": [1732999999.12, 1732999999.14]}).with_format("numpy")
assert times.features["time"].dtype == "float64"
rows = [times[i]["time"] for i in range(2)]
column = times[:]["time"]
print(
    f"row {rows[0].dtype} {rows[0]:.2f} {rows[1]:.2f}, "
    f"column {column.dtype} {float(column[0]):.2f} {float(column[1]):.2f}"
)
sys.exit(0 if rows[0].dtype == "float64" and column.dtype == "float32" and column[0] == column[1] else 1)
PY
HF_HUB_OFFLINE=1 env/bin/python run.py
