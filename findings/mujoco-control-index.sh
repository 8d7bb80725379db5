#!/usr/bin/env bash
# @mujoco/mujoco 3.14.0 (MuJoCo's own WebAssembly package, Node.js 20)
#
# One would expect: the control of actuator i is ctrl[i], with the range actuator_ctrlrange[2 i].
# Behaviour: an `<orientation>` actuator has three controls, so from there on an actuator's index is not
#   its control's: `actuator_ctrladr` is. The accessor by name does not follow it: it gives the range of
#   another control.
# Seen: 2 actuators, nu 4; "p" by name 0 0, by its address -1 1
# Exits with 1 once the accessor gives the actuator's own range.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mujoco/mujoco@3.14.0
cat >run.mjs <<'JS'
import loadMujoco from '@mujoco/mujoco';

const mj = await loadMujoco();
const model = mj.MjModel.from_xml_string(`<mujoco><worldbody>
  <body><joint name="ball" type="ball"/><geom size=".1"/></body>
  <body pos="1 0 0"><joint name="hinge"/><geom size=".1"/></body>
</worldbody><actuator>
  <orientation joint="ball" kp="1"/>
  <position name="p" joint="hinge" kp="1" ctrlrange="-1 1" ctrllimited="true"/>
</actuator></mujoco>`);
const byName = [...model.actuator('p').ctrlrange];
const address = model.actuator_ctrladr[1];
const own = [...model.actuator_ctrlrange.slice(2 * address, 2 * address + 2)];
console.log(`${model.actuator_ctrladr.length} actuators, nu ${model.nu}; "p" by name ${byName.join(' ')}, by its address ${own.join(' ')}`);
process.exit(byName.join() === '0,0' && own.join() === '-1,1' ? 0 : 1);
JS
node run.mjs
