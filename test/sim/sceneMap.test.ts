import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { packagePath } from '../../src/files/packagePath.ts';
import { expertTrajectory } from '../../src/sim/expert.ts';
import { alohaScene, cubeXml } from '../../src/sim/scene.ts';
import { type SceneMap, placed } from '../../src/sim/sceneMap.ts';
import { type SimulatedAlohaOptions, simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import type { SimTaskName } from '../../src/sim/taskNames.ts';
import { period, playExpert } from './driving.ts';
import { type About, assertRejectsAbout, assertThrowsAbout } from '../refusals.ts';

const GYM_ALOHA = packagePath('calibration/scenes/gym-aloha.yaml');

/** A mapping as its file has it. */
type Written = Omit<SceneMap, 'file'>;

/** The built-in scene with gym-aloha's names of cameras. */
const published = alohaScene(cubeXml)
  .replace('"cam_high"', '"top"')
  .replace('"cam_low"', '"angle"')
  .replace('"cam_left_wrist"', '"left_wrist"')
  .replace('"cam_right_wrist"', '"right_wrist"');

/** A scene of other names throughout. */
const renamed = published
  .replaceAll('vx300s_', 'arm_')
  .replaceAll('red_box', 'die')
  .replace('"table"', '"desk"')
  .replace('"top"', '"ceiling"');

describe('the mapping of a scene', () => {
  let folder: string;
  let map: Written;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scene-map-'));
    map = parse(await readFile(GYM_ALOHA, 'utf8')) as Written;
  });
  after(() => rm(folder, { recursive: true }));

  async function write(name: string, content: string): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  /** Opens a scene, with a mapping or with the shipped one. */
  async function open(
    xml: string,
    written?: object,
    options: Partial<SimulatedAlohaOptions> = { cameras: [] },
  ) {
    return simulatedAloha({
      task: 'transfer-cube',
      scene: await write('scene.xml', xml),
      sceneMap: written && (await write('map.yaml', stringify(written))),
      ...options,
    });
  }

  /** gym-aloha's mapping with the names of the renamed scene. */
  async function handWritten(): Promise<Written> {
    const text = (await readFile(GYM_ALOHA, 'utf8'))
      .replaceAll('vx300s_', 'arm_')
      .replaceAll(/red_box(_joint)?\b(?!:)/g, 'die$1')
      .replaceAll('table: table', 'table: desk')
      .replace('cam_high: top', 'cam_high: ceiling');
    return parse(text) as Written;
  }

  it('is the shipped one whose cameras and joints the scene has', async () => {
    const sim = await open(published, undefined, { cameras: ['cam_high', 'cam_left_wrist'] });
    const builtIn = await simulatedAloha({ task: 'transfer-cube', cameras: ['cam_high'] });
    assert.deepEqual(
      sim.embodiment.cameras.map(({ name }) => name),
      ['cam_high', 'cam_left_wrist'],
    );
    assert.deepEqual(sim.picture('cam_high'), builtIn.picture('cam_high'));
    assert.deepEqual([...sim.sceneCameras].sort(), [
      'cam_high',
      'cam_left_wrist',
      'cam_low',
      'cam_right_wrist',
    ]);
    for (const one of [sim, builtIn]) await one.close();
  });

  it('may be written by hand for other names, with the same physics', async () => {
    const sim = await open(renamed, await handWritten(), { cameras: ['cam_high'] });
    const builtIn = await simulatedAloha({ task: 'transfer-cube', cameras: ['cam_high'] });
    assert.deepEqual(sim.objects(), builtIn.objects());
    for (const one of [sim, builtIn])
      for (const command of expertTrajectory(one).slice(0, 50)) {
        one.command(command);
        await one.clock.until(one.clock.now() + period);
      }
    assert.deepEqual(sim.qpos(), builtIn.qpos());
    assert.deepEqual(sim.picture('cam_high'), builtIn.picture('cam_high'));
    for (const one of [sim, builtIn]) await one.close();
  });

  it('says between which positions of a finger a gripper opens', async () => {
    const written = { ...map, gripper: { closed: 0.021, open: 0.041, travel: [0.021, 0.041] } };
    const sim = await open(published, written);
    const wanted = sim.positions();
    wanted[6] = 0.5;
    for (let step = 0; step < 50; step++) {
      sim.command(wanted);
      await sim.clock.until(sim.clock.now() + period);
    }
    const [left, right] = sim.qpos().subarray(6, 8);
    await sim.close();
    assert.ok(Math.abs(left - 0.031) < 1e-3 && Math.abs(right + 0.031) < 1e-3, `${left} ${right}`);
  });

  /** The expert's result at the first seed. */
  async function expertIn(xml: string, written: object): Promise<boolean> {
    const sim = await open(xml, written);
    await playExpert(sim, 0);
    const { success } = sim.assess();
    await sim.close();
    return success;
  }

  it('may name a body for all of its geoms', async () => {
    const task = map.tasks['transfer-cube']!;
    const geoms = {
      ...task.geoms,
      left_finger: { body: 'vx300s_left/left_finger_link' },
      right_finger: { body: 'vx300s_right/right_finger_link' },
    };
    assert.ok(
      await expertIn(published, { ...map, tasks: { 'transfer-cube': { ...task, geoms } } }),
    );
    const nobody = { ...geoms, left_finger: { body: 'nobody' } };
    await assertRejectsAbout(
      open(published, { ...map, tasks: { 'transfer-cube': { ...task, geoms: nobody } } }),
      { kind: 'invalid', names: ['nobody'] },
    );
  });

  it('says that both fingers count the same way, driven or coupled', async () => {
    const sameWay = published
      .replaceAll(/(right_finger" type="slide" axis=)"0 1 0" range="[^"]*"/g, '$1"0 -1 0" range="0.021 0.057"')
      .replaceAll(/(right_finger" kp="200" ctrlrange=)"[^"]*"/g, '$1"0.021 0.057"'); // prettier-ignore
    const written = { ...map, gripper: { ...map.gripper, right: 1 } };
    assert.ok(await expertIn(sameWay, written));
    const coupled = sameWay
      .replaceAll(/<position name="[^"]*right_finger"[^>]*>/g, '')
      .replace(
        '</mujoco>',
        `<equality>${['left', 'right'].map((side) => `<joint joint1="vx300s_${side}/right_finger" joint2="vx300s_${side}/left_finger"/>`).join('')}</equality></mujoco>`,
      );
    await (await open(coupled, written)).close();
    await assertRejectsAbout(open(coupled, map), {
      kind: 'invalid',
      names: ['vx300s_left/right_finger'],
    });
  });

  it('says where the scene has the frame that the expert plans in', async () => {
    const by = [0.1, -0.3, 0.05];
    const moved = published
      .replace('<worldbody>', `<worldbody><frame pos="${by.join(' ')}">`)
      .replace('</worldbody>', '</frame></worldbody>');
    const task = map.tasks['transfer-cube']!;
    const [cube] = task.objects;
    const objects = [{ ...cube, x: cube.x.map((x) => x + by[0]), y: cube.y.map((y) => y + by[1]), z: cube.z + by[2] }]; // prettier-ignore
    const written = { ...map, tasks: { 'transfer-cube': { ...task, objects } } };
    assert.ok(await expertIn(moved, { ...written, origin: by }));
    assert.ok(!(await expertIn(moved, written)));
  });

  it('may let a scene be without its objects: a robot whose attempts nobody judges', async () => {
    const bare = published.replace(cubeXml, '');
    const task = { ...map.tasks['transfer-cube']!, optional: true };
    const written = { ...map, tasks: { 'transfer-cube': task } };
    await assertRejectsAbout(open(bare, map), {
      kind: 'invalid',
      subject: 'scene.xml',
      names: ['red_box_joint'],
    });
    await assertRejectsAbout(open(bare, written), {
      kind: 'missing',
      subject: 'scene.xml',
      names: ['transfer-cube'],
    });
    const sim = await open(bare, written, { cameras: [], bare: true });
    assertThrowsAbout(() => expertTrajectory(sim), { kind: 'missing', names: ['transfer-cube'] });
    await sim.clock.until(sim.clock.now() + period);
    assert.deepEqual([sim.hasTask, sim.objects(), sim.assess()], [false, [], { reward: 0, success: false }]); // prettier-ignore
    await sim.close();
    const whole = await open(published, written, { cameras: [], bare: true });
    assert.ok(whole.hasTask);
    await whole.close();
  });

  it('says where objects begin, each within its ranges', () => {
    const ranges = fc
      .tuple(
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
      )
      .map(([least, width]): [number, number] => [least, least + width]);
    const object = fc.record({
      joint: fc.constant('cube'),
      x: ranges,
      y: ranges,
      z: fc.constant(0.05),
    });
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 3 }), fc.nat(), (objects, seed) => {
        const poses = placed({ objects }, seed);
        poses.forEach(([x, y, z, ...turn], index) => {
          const { x: across, y: along } = objects[index];
          assert.ok(x >= across[0] && x <= across[1] && y >= along[0] && y <= along[1]);
          assert.deepEqual([z, ...turn], [0.05, 1, 0, 0, 0]);
        });
        assert.deepEqual(placed({ objects }, seed), poses);
      }),
    );
  });

  const refused: Record<string, [(map: Written) => object, About]> = {
    'names a camera that the scene lacks': [
      (map) => ({ ...map, cameras: { cam_high: 'ceiling' } }),
      { kind: 'invalid', subject: 'scene.xml', names: ['ceiling'] },
    ],
    'has no entry for the task': [
      (map) => ({ ...map, tasks: { insertion: map.tasks.insertion } }),
      { kind: 'missing', subject: 'map.yaml', fields: ['tasks.transfer-cube'] },
    ],
    'lacks a joint of an arm': [
      (map) => ({ ...map, arms: { ...map.arms, left: { waist: 'waist' } } }),
      { kind: 'invalid', subject: 'map.yaml', fields: ['arms.left.shoulder'] },
    ],
    'has a range that runs backwards': [
      (map) => ({ ...map, gripper: { ...map.gripper, travel: [0.05, 0.02] } }),
      { kind: 'invalid', subject: 'map.yaml', fields: ['gripper.travel'] },
    ],
    'has a shape that the reward does not look at': [
      ({ tasks, ...map }) => {
        const task = tasks['transfer-cube']!;
        const geoms = { ...task.geoms, blue_box: 'blue_box' };
        return { ...map, tasks: { 'transfer-cube': { ...task, geoms } } };
      },
      { kind: 'invalid', subject: 'map.yaml', fields: ['tasks.transfer-cube.geoms.blue_box'] },
    ],
    'asks for more travel than the fingers have': [
      (map) => ({ ...map, gripper: { ...map.gripper, travel: [0, 0.08] } }),
      {
        kind: 'invalid',
        subject: 'scene.xml',
        names: ['vx300s_left/left_finger', '0.021', '0.057', '0.08'],
      },
    ],
  };
  for (const [what, [written, about]] of Object.entries(refused))
    it(`is refused where it ${what}`, async () => {
      await assertRejectsAbout(open(published, written(map)), about);
    });

  it('does not help where the arms hang on mocap bodies: the file to use is named', async () => {
    const hung = published
      .replaceAll(/<position name="[^"]*\/(?!left_finger|right_finger)[^>]*>/g, '')
      .replace('<worldbody>', '<worldbody><body name="mocap_left" mocap="true"/>');
    await assertRejectsAbout(open(hung), {
      kind: 'unsupported',
      subject: 'scene.xml',
      names: ['bimanual_viperx_transfer_cube.xml'],
    });
  });

  const checkout = process.env.NALU_GYM_ALOHA;
  const files: Record<SimTaskName, string> = {
    'transfer-cube': 'bimanual_viperx_transfer_cube.xml',
    insertion: 'bimanual_viperx_insertion.xml',
  };
  for (const [task, file] of Object.entries(files) as [SimTaskName, string][])
    it(
      `lets the expert solve ${task} in gym-aloha's own scene`,
      { skip: checkout === undefined && 'NALU_GYM_ALOHA names no checkout of gym-aloha' },
      async () => {
        const scene = join(checkout!, 'gym_aloha/assets', file);
        const sim = await simulatedAloha({ task, scene, cameras: ['cam_high', 'cam_left_wrist'] });
        for (const command of expertTrajectory(sim)) {
          sim.command(command);
          await sim.clock.until(sim.clock.now() + period);
        }
        const { success } = sim.assess();
        await sim.close();
        assert.ok(success);
      },
    );
});
