import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { alohaScene, cubeXml } from '../../src/sim/scene.ts';
import { type SimulatedAloha, simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { period } from './driving.ts';
import { assertRejectsAbout } from '../refusals.ts';

const base = alohaScene(cubeXml);
const WAIST = 'vx300s_left/waist';
const waistActuator = /<position name="vx300s_left\/waist"[^>]*>/;
const fingerActuator = /<position name="vx300s_left\/right_finger"[^>]*>/;

const withWaist = (xml: string) => base.replace(waistActuator, xml);
const more = (xml: string) => base.replace('</mujoco>', `${xml}</mujoco>`);
const actuator = (xml: string) => base.replace('<actuator>', `<actuator>${xml}`);
const fingerTendon =
  '<tendon><fixed name="pull"><joint joint="vx300s_left/left_finger" coef="1"/></fixed></tendon>';
const mirror = (coefficients: string) =>
  `<equality><joint joint1="vx300s_left/right_finger" joint2="vx300s_left/left_finger" polycoef="${coefficients}"/></equality>`;

describe('a foreign scene', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'foreign-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function open(xml: string): Promise<SimulatedAloha> {
    const scene = join(folder, 'scene.xml');
    await writeFile(scene, xml);
    return simulatedAloha({ task: 'transfer-cube', scene, cameras: [] });
  }

  /** Asks the left waist for a position for two seconds. */
  async function driveTo(sim: SimulatedAloha, waist: number) {
    const wanted = sim.positions();
    wanted[0] = waist;
    for (let step = 0; step < 100; step++) {
      sim.command(wanted);
      await sim.clock.until(sim.clock.now() + period);
    }
  }

  /** Where the left waist and gripper are after the waist was asked for 0.8 rad. */
  async function driven(xml: string) {
    const sim = await open(xml);
    await driveTo(sim, 0.8);
    const positions = sim.positions();
    await sim.close();
    return { waist: positions[0], gripper: positions[6] };
  }

  const followed: Record<string, string> = {
    'position actuators as the built-in scene has': base,
    'a gear': withWaist(`<position joint="${WAIST}" gear="2" kp="200" ctrlrange="-6.3 6.3"/>`),
    'a control in degrees': withWaist(
      `<general joint="${WAIST}" gaintype="fixed" gainprm="13.9626340159" biastype="affine" biasprm="0 -800 0" ctrlrange="-180 180"/>`,
    ),
    'a filtered control': withWaist(
      `<position joint="${WAIST}" kp="800" timeconst="0.02" ctrlrange="-3.15 3.15"/>`,
    ),
    'an actuator in the frame of the parent body': withWaist(
      `<position jointinparent="${WAIST}" kp="800" ctrlrange="-3.15 3.15"/>`,
    ),
    'a damping actuator beside its own': actuator(`<velocity joint="${WAIST}" kv="5"/>`),
    'an actuator with several controls before the others': base
      .replace(
        '<worldbody>',
        '<worldbody><body pos="0 2 0"><joint name="ball" type="ball"/><geom size="0.05"/></body>',
      )
      .replace('<actuator>', '<actuator><orientation joint="ball" kp="1"/>'),
    'a motor that nobody drives': actuator('<motor joint="red_box_joint" gear="0 0 1 0 0 0"/>'),
    'one actuator for two coupled fingers': more(mirror('0 -1 0 0 0')).replace(fingerActuator, ''),
    'no limits at all': base
      .replaceAll(/ ctrlrange="[^"]*"/g, '')
      .replaceAll(/(<joint name="vx300s_left\/waist"[^>]*) range="[^"]*"/g, '$1'),
  };

  for (const [what, xml] of Object.entries(followed))
    it(`is driven through ${what}`, async () => {
      const { waist, gripper } = await driven(xml);
      assert.ok(Math.abs(waist - 0.8) < 0.02, `waist ${waist}`);
      assert.ok(Math.abs(gripper - 0.1) < 0.02, `gripper ${gripper}`);
    });

  const refused: Record<string, [xml: string, ...names: string[]]> = {
    'motors drive a joint': [withWaist(`<motor name="m" joint="${WAIST}"/>`), WAIST, 'actuator m'],
    'a speed drives a joint': [
      withWaist(`<velocity name="v" joint="${WAIST}" kv="10"/>`),
      'actuator v',
    ],
    'a speed that adds up drives a joint': [
      withWaist(`<intvelocity name="i" joint="${WAIST}" kp="100" actrange="-3 3"/>`),
      'actuator i',
    ],
    'a tendon drives a joint instead of its own actuator': [
      more(
        `<tendon><fixed name="pull"><joint joint="${WAIST}" coef="1"/></fixed></tendon>`,
      ).replace(waistActuator, '<position name="t" tendon="pull" kp="800"/>'),
      WAIST,
    ],
    'a joint has two position actuators': [
      actuator(`<position name="second" joint="${WAIST}" kp="5"/>`),
      'actuator second',
      `actuator ${WAIST}`,
    ],
    'a tendon pulls at a finger and nothing drives it': [
      more(fingerTendon).replace(
        '<actuator>',
        '<actuator><position name="t" tendon="pull" kp="1"/>',
      ),
      'actuator t',
    ],
    'a tendon pulls at a joint only where it has left its zero': [
      more(
        `<tendon><fixed name="pull"><joint joint="${WAIST}" coef="1"/></fixed></tendon>`,
      ).replace('<actuator>', '<actuator><position name="t" tendon="pull" kp="100"/>'),
      'actuator t',
    ],
    'an equality holds a joint': [more(`<equality><joint joint1="${WAIST}"/></equality>`), WAIST],
    'an equality couples both arms': [
      more(`<equality><joint joint1="${WAIST}" joint2="vx300s_right/waist"/></equality>`),
      WAIST,
      'vx300s_right/waist',
    ],
    'an actuator takes less than the joint reaches': [
      withWaist(`<position name="w" joint="${WAIST}" kp="800" ctrlrange="-0.5 0.5"/>`),
      'actuator w',
      '-0.5',
      'ctrlrange',
      '-3.14158',
    ],
    'an actuator is switched off': [
      withWaist(`<position name="w" joint="${WAIST}" kp="800" group="3"/>`).replace(
        '<option ',
        '<option actuatorgroupdisable="3" ',
      ),
      'actuator w',
    ],
    'an actuator acts late': [
      withWaist(`<position name="w" joint="${WAIST}" kp="800" delay="0.02" nsample="20"/>`),
      'actuator w',
      '0.02 s',
    ],
    'fingers are not coupled to opposite sides': [
      more(mirror('0 1 0 0 0')).replace(fingerActuator, ''),
      'vx300s_left/right_finger',
    ],
    'a joint of an arm slides': [
      base.replace(`<joint name="${WAIST}"`, `<joint name="${WAIST}" type="slide"`),
      WAIST,
      'slide',
      'hinge',
    ],
    'a joint of an arm turns every way': [
      base
        .replace(/<joint name="vx300s_left\/waist"[^>]*>/, `<joint name="${WAIST}" type="ball"/>`)
        .replace(waistActuator, ''),
      WAIST,
      'ball',
    ],
    'an arm does not reach the start': [
      base.replace(/(<joint name="vx300s_left\/elbow"[^>]*range=)"[^"]*"/, '$1"-1 1"'),
      'vx300s_left/elbow',
      '-1',
    ],
    'the object slides': [
      base.replace(
        /<joint name="red_box_joint"[^>]*>/,
        '<joint name="red_box_joint" type="slide"/>',
      ),
      'red_box_joint',
      'slide',
      'free',
    ],
    'physics stands still': [base.replace('timestep="0.002"', 'timestep="0"'), 'timestep', '0.002'],
    'physics steps do not divide a control step': [
      base.replace('timestep="0.002"', 'timestep="0.03"'),
      'timestep',
      '0.03 s',
      '0.02 s',
    ],
    'physics steps nearly divide a control step': [
      base.replace('timestep="0.002"', 'timestep="0.0033"'),
      'timestep',
      '0.0033 s',
      '0.02 s',
    ],
  };

  for (const [what, [xml, ...names]] of Object.entries(refused))
    it(`is refused where ${what}`, () =>
      assertRejectsAbout(open(xml), { kind: 'invalid', subject: 'scene.xml', names }));

  it('keeps its own time step: what falls for 0.1 s by the clock falls for 0.1 s', async () => {
    for (const step of ['0.0005', '0.001', '0.00333333', '0.005', '0.02']) {
      const sim = await open(
        base
          .replace('timestep="0.002"', `timestep="${step}"`)
          .replace(
            '<geom name="table"',
            '<geom name="floor" size="9 9 0.1" pos="0 0 -9" type="box"/><geom name="table"',
          )
          .replace(
            /name="table" type="box" pos="0 0.6 -0.015"/,
            'name="table" type="box" pos="0 0.6 -8"',
          ),
      );
      await sim.reset(0);
      const [[, , before]] = sim.objects();
      await sim.clock.until(sim.clock.now() + 5n * period);
      const [[, , end]] = sim.objects();
      await sim.close();
      const dt = Number(step);
      // Semi-implicit Euler falls by a t (t + dt) / 2; the joint's friction takes 0.01 N from 50 g.
      const fallen = ((9.81 - 0.01 / 0.05) * 0.1 * (0.1 + dt)) / 2;
      assert.ok(Math.abs(before - end - fallen) < 1e-4, `${step}: ${before - end}, not ${fallen}`);
    }
  });

  it('ends control steps at whole periods of the clock, whatever divides them', async () => {
    const sim = await open(base.replace('timestep="0.002"', 'timestep="0.00285714286"'));
    const stamps: bigint[] = [];
    sim.observe({ joints: ({ stamp }) => stamps.push(stamp), frame: () => undefined });
    const start = sim.clock.now();
    await sim.clock.until(start + 3n * period);
    await sim.close();
    assert.deepEqual(
      stamps,
      [1n, 2n, 3n].map((step) => start + step * period),
    );
  });

  it('ends with its name where the physics breaks down', async () => {
    const sim = await open(
      base
        .replace('timestep="0.002"', 'timestep="0.02"')
        .replaceAll('kp="800"', 'kp="1e12"')
        .replaceAll(/ forcerange="[^"]*"/g, ''),
    );
    await assertRejectsAbout(driveTo(sim, 0.8), { kind: 'invalid', subject: 'scene.xml' });
    await sim.close();
  });

  it('narrows the limits of the robot to its own', async () => {
    const sim = await open(
      base.replace(/(<joint name="vx300s_right\/waist"[^>]*range=)"[^"]*"/, '$1"-1.5 1.25"'),
    );
    const { lower, upper } = sim.embodiment.joints[7];
    await sim.close();
    assert.deepEqual([lower, upper], [-1.5, 1.25]);
  });
});
