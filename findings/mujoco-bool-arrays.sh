#!/usr/bin/env bash
# @mujoco/mujoco 3.14.0 (MuJoCo's own WebAssembly package, Node.js 20)
#
# One would expect: model.jnt_limited is an array, as model.jnt_range is.
# Behaviour: each array of bools of model and data (jnt_limited, actuator_ctrllimited, eq_active …) raises
#   "_emval_take_value has unknown type … memory_view<bool>". One joint's `model.jnt(i).limited` works.
# Seen: jnt_range 2 numbers; jnt_limited raises BindingError; jnt(0).limited 1
# Exits with 1 once the array can be read.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mujoco/mujoco@3.14.0
cat >run.mjs <<'JS'
import loadMujoco from '@mujoco/mujoco';

const mj = await loadMujoco();
const model = mj.MjModel.from_xml_string(`<mujoco><worldbody>
  <body><joint range="-1 1" limited="true"/><geom size=".1"/></body>
</worldbody></mujoco>`);
const raised = (read) => {
  try {
    return `gives ${read().length} values`;
  } catch (error) {
    return `raises ${error.name}`;
  }
};
const array = raised(() => model.jnt_limited);
const one = Number(model.jnt(0).limited);
console.log(`jnt_range ${model.jnt_range.length} numbers; jnt_limited ${array}; jnt(0).limited ${one}`);
process.exit(array.startsWith('raises') && one === 1 ? 0 : 1);
JS
node run.mjs
