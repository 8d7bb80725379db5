#!/usr/bin/env bash
# @mujoco/mujoco 3.14.0 (MuJoCo's own WebAssembly package, Node.js 20)
#
# One would expect: a scene whose mesh file is not among the files given (MjVFS) is refused, as one on disk is.
# Behaviour: folders tell files apart only where the whole name is found: left/finger.obj and right/finger.obj are two
#   meshes. A name in no folder that there is, as by a slip (lfet/finger.obj), is found without its folder, and takes
#   another folder's file, without an error: the left finger has the right one's size.
# Seen: left 0.17, right 0.87; by a slip 0.87; by the same slip on disk refused
# Exits with 1 once the slip is refused, or takes the left file.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @mujoco/mujoco@3.14.0
cat >run.mjs <<'JS'
import loadMujoco from '@mujoco/mujoco';

const mj = await loadMujoco();
const sides = [-1, 1];
/** The hull of a cube's corners: a mesh needs one face at least. */
const cube = (half) =>
  sides.flatMap((x) => sides.flatMap((y) => sides.map((z) => `v ${x * half} ${y * half} ${z * half}`))).join('\n') +
  '\nf 1 2 3\nf 2 4 3\nf 5 7 6\nf 6 7 8\nf 1 5 2\nf 2 5 6\nf 3 4 7\nf 4 8 7\nf 1 3 5\nf 3 7 5\nf 2 6 4\nf 4 6 8\n';
const scene = (left) => `<mujoco>
  <asset><mesh name="l" file="${left}"/><mesh name="r" file="right/finger.obj"/></asset>
  <worldbody><body><geom type="mesh" mesh="l"/></body><body><geom type="mesh" mesh="r"/></body></worldbody>
</mujoco>`;
const files = [['left/finger.obj', 0.1], ['right/finger.obj', 0.5]];

const given = new mj.MjVFS();
for (const [name, half] of files) given.addBuffer(name, new TextEncoder().encode(cube(half)));
const radii = (left) => [...mj.MjModel.from_xml_string(scene(left), given).geom_rbound].map((radius) => radius.toFixed(2));

for (const folder of ['/scene', '/scene/left', '/scene/right']) mj.FS.mkdir(folder);
for (const [name, half] of files) mj.FS.writeFile(`/scene/${name}`, cube(half));
mj.FS.writeFile('/scene/scene.xml', scene('lfet/finger.obj'));
let onDisk = 'refused';
try {
  if (mj.MjModel.from_xml_path('/scene/scene.xml')) onDisk = 'taken';
} catch {
  // As one would expect.
}
const [left, right] = radii('left/finger.obj');
const [slip] = radii('lfet/finger.obj');
console.log(`left ${left}, right ${right}; by a slip ${slip}; by the same slip on disk ${onDisk}`);
process.exit(left === '0.17' && slip === right && onDisk === 'refused' ? 0 : 1);
JS
node run.mjs
