#!/usr/bin/env bash
# @mujoco/mujoco 3.14.0 (MuJoCo's own WebAssembly package, Node.js 20); the native library does the same
#
# One would expect: mj_geomDistance, whose distance is signed, gives what the contact between two shapes that overlap has:
#   how deep they are in each other, negative.
# Behaviour: it does, but for two equal cubes of which one lies exactly half in the other: 0.1 m deep by the contact,
#   0.1 m apart by mj_geomDistance and by the sensor `distance`. With the same centre they are 0 apart. Cylinders,
#   capsules and ellipsoids have such places too; 0.1 mm beside them the sign is right.
# Seen: lower by 0.15 0.1 0.05 0 m: contact -0.05 -0.1 -0.15 -0.2, mj_geomDistance -0.05 0.1 -0.15 0
# Exits with 1 once the two agree.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mujoco/mujoco@3.14.0
cat >run.mjs <<'JS'
import loadMujoco from '@mujoco/mujoco';

const mj = await loadMujoco();
const short = (value) => Number(value.toFixed(4));

/** What is said of two cubes with an edge of 0.2 m, one of them lower. */
function distances(lower) {
  const model = mj.MjModel.from_xml_string(`<mujoco><worldbody>
    <geom type="box" size=".1 .1 .1" name="a"/>
    <body pos="0 0 ${lower}"><freejoint/><geom type="box" size=".1 .1 .1" name="b"/></body>
  </worldbody><sensor><distance geom1="a" geom2="b" cutoff="1"/></sensor></mujoco>`);
  const data = new mj.MjData(model);
  mj.mj_forward(model, data);
  return {
    contact: short(data.contact.get(0).dist),
    distance: short(mj.mj_geomDistance(model, data, 0, 1, 1, null)),
    sensor: short(data.sensordata[0]),
  };
}
const heights = [0.15, 0.1, 0.05, 0];
const found = heights.map(distances);
const contacts = found.map(({ contact }) => contact).join(' ');
const distancesFound = found.map(({ distance }) => distance).join(' ');
console.log(`lower by ${heights.join(' ')} m: contact ${contacts}, mj_geomDistance ${distancesFound}`);
const asSeen = contacts === '-0.05 -0.1 -0.15 -0.2' && distancesFound === '-0.05 0.1 -0.15 0';
process.exit(asSeen && found.every(({ distance, sensor }) => distance === sensor) ? 0 : 1);
JS
node run.mjs
