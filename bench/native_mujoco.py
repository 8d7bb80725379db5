"""MuJoCo as Python has it: the yardstick of bench/scenes.ts.

Needs the package mujoco. Reads one line of JSON: scene (a path), substeps, start (positions) and controls
[steps][controls]. Prints one line of JSON: version, positions [steps][positions] after each control step,
contacts [steps], and pace, how many times faster than real time it ran.
"""

import json
import sys
import time

import mujoco

job = json.loads(sys.stdin.readline())
model = mujoco.MjModel.from_xml_path(job["scene"])
data = mujoco.MjData(model)
data.qpos[:] = job["start"]
positions, contacts = [], []
began = time.process_time()
for control in job["controls"]:
    data.ctrl[:] = control
    mujoco.mj_step(model, data, job["substeps"])
    positions.append(data.qpos.tolist())
    contacts.append(int(data.ncon))
pace = data.time / (time.process_time() - began)
print(
    json.dumps(
        {
            "version": mujoco.__version__,
            "positions": positions,
            "contacts": contacts,
            "pace": pace,
        }
    )
)
