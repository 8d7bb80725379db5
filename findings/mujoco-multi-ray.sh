#!/usr/bin/env bash
# @mujoco/mujoco 3.14.0 (MuJoCo's own WebAssembly package, Node.js 20); the native library does the same
#
# One would expect: mj_multiRay with one ray gives what mj_ray gives for it.
# Behaviour: it leaves bodies out by a bounding sphere whose centre it does not turn with the body.
#   Where the body's inertial frame is not the centre of its shapes and the body is turned, a ray that
#   meets a shape is said to meet nothing.
# Seen: mj_ray 1.8, mj_multiRay -1.0
# Exits with 1 once the two agree.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mujoco/mujoco@3.14.0
cat >run.mjs <<'JS'
import loadMujoco from '@mujoco/mujoco';

const mj = await loadMujoco();
const model = mj.MjModel.from_xml_string(`<mujoco><worldbody>
  <body euler="0 0 130">
    <inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
    <geom type="box" size=".2 .2 .2" pos="3 0 0"/>
    <geom type="box" size=".2 .2 .2" pos=".5 .2 0"/>
  </body>
</worldbody></mujoco>`);
const data = new mj.MjData(model);
mj.mj_forward(model, data);
const [x, y, z] = data.geom_xpos;
const eye = [x, y, z + 2];
const down = [0, 0, -1];

const geom = new mj.IntBuffer(1);
const one = mj.mj_ray(model, data, eye, down, null, 1, -1, geom, null);
const distance = new mj.DoubleBuffer(1);
mj.mj_multiRay(model, data, eye, down, null, 1, -1, geom, distance, null, 1, 1e10);
const many = distance.GetView()[0];
console.log(`mj_ray ${one.toFixed(1)}, mj_multiRay ${many.toFixed(1)}`);
process.exit(Math.abs(one - 1.8) < 1e-9 && many === -1 ? 0 : 1);
JS
node run.mjs
