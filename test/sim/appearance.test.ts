import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appearanceOf } from '../../src/sim/appearance.ts';
import { mujoco } from '../../src/sim/mujoco.ts';
import { createRaycaster } from '../../src/sim/raycaster.ts';

const cube = 'vertex="-1 -1 -1 1 -1 -1 1 1 -1 -1 1 -1 -1 -1 1 1 -1 1 1 1 1 -1 1 1"';
const assets = `<asset>
  <material name="green" rgba="0 1 0 1"/>
  <material name="glass" rgba="0 0 1 0"/>
  <mesh name="cube" ${cube} scale="0.1 0.1 0.1"/>
  <mesh name="mirrored" ${cube} scale="-0.1 0.1 0.1"/>
</asset>`;
const lookingDown = '<camera name="eye" pos="0 0 2" fovy="1"/>';
const scene = (world: string) =>
  `<mujoco>${assets}<worldbody>${lookingDown}${world}</worldbody></mujoco>`;

/** The colour (0 to 255) in the middle of what a camera above the origin sees. */
async function seen(world: string, groups?: number[], camera = 0): Promise<number[]> {
  const engine = await mujoco();
  const model = engine.MjModel.from_xml_string(scene(world));
  const data = new engine.MjData(model);
  engine.mj_forward(model, data);
  const raycaster = createRaycaster(engine, model, groups);
  const size = 9;
  const pixels = raycaster.render(data, camera, size, size);
  raycaster.close();
  data.delete();
  model.delete();
  const middle = 3 * (Math.floor(size / 2) * size + Math.floor(size / 2));
  return Array.from(pixels.subarray(middle, middle + 3));
}

const isRed = ([r, g, b]: number[]) => r > 100 && g === 0 && b === 0;
const isGreen = ([r, g, b]: number[]) => r === 0 && g > 100 && b === 0;
const isWall = ([r, g, b]: number[]) => r < g && g < b;

const red = 'rgba="1 0 0 1"';
/** Shapes of each kind whose upper face or tip lies around z = 0.1. */
const kinds: Record<string, string> = {
  box: 'type="box" size="0.1 0.1 0.1"',
  mesh: 'type="mesh" mesh="cube"',
  'mirrored mesh': 'type="mesh" mesh="mirrored"',
  ellipsoid: 'type="ellipsoid" size="0.1 0.2 0.1"',
  plane: 'type="plane" size="0 0 1"',
};

describe('a shape that is drawn', () => {
  it('has its own colour before its material’s, as in MuJoCo’s renderer', async () => {
    const engine = await mujoco();
    const model = engine.MjModel.from_xml_string(
      scene(`
        <geom size="1" rgba="1 0 0 1" material="green"/>
        <geom size="1" material="green"/>
        <geom size="1" rgba="0.5 0.5 0.5 1" material="green"/>
        <geom size="1" rgba="0.5 0.5 0.5 0.5" material="green"/>
        <geom size="1"/>
        <geom size="1" rgba="1 0 0 1" material="glass"/>
        <geom size="1" material="glass"/>
        <geom size="1" rgba="1 0 0 0" material="green"/>
        <geom size="1" rgba="1 0 0 0"/>
        <geom size="1" group="3"/>
        <geom size="1" group="9"/>
        <geom size="1" group="-1"/>`),
    );
    const { visible, colours } = appearanceOf(model);
    model.delete();
    const colour = (shape: number) => Array.from(colours.subarray(3 * shape, 3 * shape + 3));
    const [ownRed, green, grey] = [
      [1, 0, 0],
      [0, 1, 0],
      [0.5, 0.5, 0.5],
    ];
    assert.deepEqual([0, 1, 2, 3, 4, 5].map(colour), [ownRed, green, green, grey, grey, ownRed]);
    const hidden = visible.flatMap((shown, shape) => (shown ? [] : [shape]));
    assert.deepEqual(hidden, [6, 7, 8, 9, 10]);
  });

  for (const [kind, shape] of Object.entries(kinds))
    it(`is seen however far it is, a ${kind} as any other, and hides what lies behind`, async () => {
      assert.ok(isRed(await seen(`<geom ${shape} ${red}/>`)));
      assert.ok(isRed(await seen(`<geom ${shape} pos="0 0 -8" ${red}/>`)));
      const behind = '<geom type="box" size="0.5 0.5 0.01" pos="0 0 -0.5" rgba="0 1 0 1"/>';
      assert.ok(isRed(await seen(`${behind}<geom ${shape} ${red}/>`)));
      assert.ok(isGreen(await seen(`${behind}<geom ${shape} rgba="1 0 0 0"/>`)));
    });

  it('is seen beyond 5 m where there are meshes in the scene', async () => {
    const far = `<geom type="box" size="5 5 1" pos="0 0 -40" ${red}/>`;
    const beside = '<geom type="mesh" mesh="cube" pos="1 0 0"/>';
    assert.ok(isRed(await seen(far)));
    assert.ok(isRed(await seen(`${far}${beside}`)));
  });

  it('is not seen from within, be it a box or a mesh', async () => {
    const around = (shape: string) =>
      `<body pos="0 0 2"><geom ${shape} ${red}/></body><geom type="box" size="1 1 0.1" rgba="0 1 0 1"/>`;
    for (const kind of ['box', 'mesh', 'mirrored mesh', 'ellipsoid'])
      assert.ok(isGreen(await seen(around(kinds[kind]))), kind);
  });

  it('is seen in a turned body, as far from its middle as it lies', async () => {
    const arm = (pos: string) =>
      `<body pos="${pos}" euler="0 0 130"><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/><geom type="mesh" mesh="cube" pos="3 0 0" ${red}/><geom type="mesh" mesh="cube" pos="0.5 0.2 0"/></body>`;
    const [x, y] = [-3 * Math.cos((130 * Math.PI) / 180), -3 * Math.sin((130 * Math.PI) / 180)];
    assert.ok(isRed(await seen(arm(`${x} ${y} 0`))));
  });

  it('is of the groups that are asked for', async () => {
    const shell = `<geom type="mesh" mesh="cube" ${red}/>`;
    const inner = '<geom type="box" size="0.05 0.05 0.05" group="4" rgba="0 1 0 1"/>';
    assert.ok(isRed(await seen(shell + inner)));
    assert.ok(isGreen(await seen(shell + inner, [1, 4])));
    assert.ok(isWall(await seen(shell + inner, [5])));
  });
});
