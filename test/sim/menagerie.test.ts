import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { VIPERX_300 } from '../../src/robot/viperx300.ts';
import { loadScene } from '../../src/sim/loadScene.ts';
import { find, mujoco as loadMujoco } from '../../src/sim/mujoco.ts';
import { type SimulatedAloha, simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { play, playExpert } from './driving.ts';
import { assertRejectsAbout } from '../refusals.ts';

const checkout = process.env.NALU_MENAGERIE;
const skip =
  checkout === undefined && 'NALU_MENAGERIE names no checkout of mujoco_menagerie: not tried';

/** A scene that adds transfer cube's cube to the published one, as docs/scenes.md has it. */
const CUBE = `<mujoco>
  <include file="scene.xml"/>
  <worldbody>
    <body name="box" pos="0.1 0 0.05">
      <joint name="red_box_joint" type="free" frictionloss="0.01"/>
      <inertial pos="0 0 0" mass="0.05" diaginertia="0.002 0.002 0.002"/>
      <geom name="red_box" type="box" size="0.02 0.02 0.02" rgba="0.86 0.07 0.07 1" condim="4"
        friction="1 0.005 0.0001" solref="0.01 1" solimp="2 1 0.01"/>
    </body>
  </worldbody>
</mujoco>`;

/** Bases of Menagerie's arms: x, y, z in m, and the turn about z. */
const BASES = { left: [-0.469, -0.019, 0.02, 0], right: [0.469, -0.019, 0.02, Math.PI] };

describe("MuJoCo Menagerie's ALOHA", { skip }, () => {
  let folder: string;
  let published: string;
  let withCube: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'menagerie-'));
    const own = join(checkout!, 'aloha');
    published = join(own, 'scene.xml');
    // The scene with a cube lies beside copies of the published files.
    const copy = join(folder, 'aloha');
    await mkdir(copy);
    for (const file of (await readdir(own)).filter((name) => name.endsWith('.xml')))
      await copyFile(join(own, file), join(copy, file));
    await symlink(join(own, 'assets'), join(copy, 'assets'));
    withCube = join(copy, 'cube.xml');
    await writeFile(withCube, CUBE);
  });
  after(() => rm(folder, { recursive: true }));

  const open = (scene: string, more = {}): Promise<SimulatedAloha> =>
    simulatedAloha({ task: 'transfer-cube', scene, cameras: [], bare: true, ...more });

  it('has all four cameras, by its own names in the mapping', async () => {
    const cameras = ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'];
    const sim = await open(published, { cameras });
    assert.deepEqual(sim.embodiment.cameras.map(({ name }) => name), cameras); // prettier-ignore
    const pictures = cameras.map((name) =>
      Buffer.from(sim.picture(name, { width: 32, height: 24 })),
    );
    for (const picture of pictures) assert.ok(new Set(picture).size > 4);
    assert.equal(new Set(pictures.map((picture) => picture.toString('hex'))).size, 4);
    await sim.close();
  });

  it('goes where it is told, with the kinematics of a ViperX 300', async () => {
    const sim = await open(published);
    const wanted = Float64Array.from(sim.embodiment.joints, ({ home, kind }, joint) =>
      kind === 'gripper' ? 0.6 : home + 0.1 * Math.sin(1 + joint),
    );
    await play(sim, Array<Float64Array>(150).fill(wanted));
    const measured = sim.positions();
    const qpos = sim.qpos();
    await sim.close();
    // Its servos are those that were identified on a real robot: they sag under the arm's weight.
    for (const [joint, value] of wanted.entries())
      assert.ok(Math.abs(measured[joint] - value) < 0.1, `${joint}: ${measured[joint]}, not ${value}`); // prettier-ignore

    const mujoco = await loadMujoco();
    const model = await loadScene(mujoco, published);
    const data = new mujoco.MjData(model);
    (data.qpos as Float64Array).set(qpos);
    mujoco.mj_forward(model, data);
    for (const [first, side] of [[0, 'left'], [7, 'right']] as const) {
      const body = find(mujoco, model, 'body', `${side}/gripper_link`)!;
      const there = (data.xpos as Float64Array).slice(3 * body, 3 * body + 3);
      const points = new Float64Array(3 * VIPERX_300.points);
      const joints = [0, 1, 2, 3, 4, 5].map((joint) => first + joint);
      VIPERX_300.write(measured, joints, BASES[side], points);
      points.slice(12, 15).forEach((value, axis) => {
        assert.ok(Math.abs(value - there[axis]) < 1e-9, `${side}: ${value}, not ${there[axis]}`);
      });
    } // prettier-ignore
    for (const object of [data, model]) object.delete();
  });

  it('has no task as it is published, and is refused where one is needed', async () => {
    await assertRejectsAbout(open(published, { bare: false }), {
      kind: 'missing',
      names: ['transfer-cube'],
    });
  });

  it('is solved by the expert with a cube on its table', async () => {
    const sim = await open(withCube, { bare: false });
    await playExpert(sim, 0);
    const { success } = sim.assess();
    await sim.close();
    assert.ok(success);
  });
});
