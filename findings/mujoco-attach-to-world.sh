#!/usr/bin/env bash
# mujoco 3.14.0 (Python 3)
#
# One would expect: a robot that is attached to a scene (MjSpec.attach) keeps its constraints, or attaching it raises.
# Behaviour: `<weld body1="hand"/>` and `<weld body1="hand" body2="world"/>` say the same, and a model of its own has the
#   constraint in both cases. Attached, only the first survives: whatever names the body "world" in `<equality>` is left
#   out, without a warning, and the hand that was fixed falls.
# Seen: own model 1 and 1 constraints, attached 1 and 0; after 1 s the hand is at 1.00 m and at -3.90 m
# Exits with 1 once both are kept, or attaching raises.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check mujoco==3.14.0
cat >run.py <<'PY'
import sys
import warnings

import mujoco

warnings.simplefilter("error")


def robot(weld):
    return f"""<mujoco model="robot"><worldbody>
      <body name="hand" pos="0 0 1"><freejoint/><geom size=".1"/></body>
    </worldbody><equality>{weld}</equality></mujoco>"""


def attached(xml):
    scene = mujoco.MjSpec()
    scene.attach(mujoco.MjSpec.from_string(xml), prefix="left/", frame=scene.worldbody.add_frame())
    return scene.compile()


def height(model):
    data = mujoco.MjData(model)
    while data.time < 1:
        mujoco.mj_step(model, data)
    return f"{data.body('left/hand').xpos[2]:.2f}"


robots = [robot('<weld body1="hand"/>'), robot('<weld body1="hand" body2="world"/>')]
own = [mujoco.MjModel.from_xml_string(xml).neq for xml in robots]
models = [attached(xml) for xml in robots]
kept = [model.neq for model in models]
first, second = map(height, models)
print(
    f"own model {own[0]} and {own[1]} constraints, attached {kept[0]} and {kept[1]}; "
    f"after 1 s the hand is at {first} m and at {second} m"
)
sys.exit(0 if own == [1, 1] and kept == [1, 0] and first == "1.00" and float(second) < -3 else 1)
PY
env/bin/python run.py
