#!/usr/bin/env bash
# mujoco 3.14.0 (Python 3)
#
# One would expect: a camera that aims at a body (mode="targetbody") turns a little when it is moved a little, and its
#   image keeps the side up that it had. gym-aloha's camera "top" aims at the table, from straight above it.
# Behaviour: what is up in the image is the world's z as far as the camera can see it. Straight above its target it sees
#   none, so that the least shift decides which way the image lies: a nanometre turns it by a quarter, one in y by half.
#   The camera's own orientation (cam_quat), by which one would set it right or tilt it, is not read in this mode.
# Seen: image's right side by shift: none +x; x + 1 nm +y; x + 2 mm +y; x - 2 mm -y; y + 2 mm -x; cam_quat changes nothing
# Exits with 1 once a small shift turns the image little, or cam_quat counts.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check mujoco==3.14.0
cat >run.py <<'PY'
import sys

import mujoco
import numpy as np

# The camera and the table's place in gym-aloha's scene.xml.
SCENE = """<mujoco><worldbody>
  <body name="table" pos="0 .6 0"><geom type="box" size=".61 .37 .1"/></body>
  <camera name="top" pos="0 .6 .8" fovy="78" mode="targetbody" target="table"/>
</worldbody></mujoco>"""
model = mujoco.MjModel.from_xml_string(SCENE)
data = mujoco.MjData(model)


def axes():
    mujoco.mj_forward(model, data)
    return data.cam_xmat[0].reshape(3, 3).copy()


def named(axis):
    largest = np.abs(axis).argmax()
    return "-+"[int(axis[largest] > 0)] + "xyz"[largest]


rights = {}
for name, shift in {
    "none": (0, 0), "x + 1 nm": (1e-9, 0), "x + 2 mm": (2e-3, 0), "x - 2 mm": (-2e-3, 0), "y + 2 mm": (0, 2e-3)
}.items():
    model.cam_pos[0] = [shift[0], 0.6 + shift[1], 0.8]
    rights[name] = named(axes()[:, 0])
print("the image's right side by shift:", rights)

before = axes()
model.cam_quat[0] = [0.9, 0.43588989, 0, 0]
is_same = bool(np.array_equal(before, axes()))
print("another cam_quat changes nothing:", is_same)
sys.exit(not (list(rights.values()) == ["+x", "+y", "+y", "-y", "-x"] and is_same))
PY
env/bin/python run.py
