#!/usr/bin/env bash
# @mujoco/mujoco 3.14.0 (MuJoCo's own WebAssembly package, Node.js 20)
#
# One would expect: an output argument that accepts an Int32Array is filled.
# Behaviour: mj_ray takes an Int32Array for `geomid`, returns the right distance, and leaves the array
#   as it was. The package's own IntBuffer is filled.
# Seen: distance 0.9, geom -7 in the Int32Array, geom 0 in the IntBuffer
# Exits with 1 once the Int32Array is filled or refused.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mujoco/mujoco@3.14.0
cat >run.mjs <<'JS'
import loadMujoco from '@mujoco/mujoco';

const mj = await loadMujoco();
const model = mj.MjModel.from_xml_string(
  '<mujoco><worldbody><geom type="sphere" size="0.1" pos="0 0 1"/></worldbody></mujoco>',
);
const data = new mj.MjData(model);
mj.mj_forward(model, data);
const cast = (geom) => mj.mj_ray(model, data, [0, 0, 0], [0, 0, 1], null, 1, -1, geom, null);

const typed = new Int32Array([-7]);
const buffer = new mj.IntBuffer(1);
const distance = cast(typed);
cast(buffer);
const filled = buffer.GetView()[0];
console.log(`distance ${distance.toFixed(1)}, geom ${typed[0]} in the Int32Array, geom ${filled} in the IntBuffer`);
process.exit(typed[0] === -7 && filled === 0 ? 0 : 1);
JS
node run.mjs
