import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { packagePath } from '../../src/files/packagePath.ts';
import { alohaTransform } from '../../src/policy/vectors/alohaTransform.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { MeanStdConfig } from '../../src/policy/vectors/normalisation.ts';
import { embodimentOf } from '../../src/robot/calibration.ts';
import type { Calibration } from '../../src/robot/calibration.ts';
import type { Embodiment } from '../../src/robot/embodiment.ts';
import { canSample, findMisfits } from '../../src/check/fit.ts';
import { type BundleConfig } from '../../src/policy/bundle/config.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import type { Misfit, FitCase } from '../../src/check/case.ts';
import { assertSaid } from '../refusals.ts';

let calibration: Calibration;
let robot: Embodiment;
let arms: string[];
let policy: BundleConfig;
/** [14] the start pose, as encoders measure it. */
let position: Float64Array;

before(async () => {
  calibration = await loadCalibration(packagePath('calibration/aloha-sim.yaml'));
  robot = embodimentOf(calibration);
  arms = calibration.joints.map(({ arm }) => arm);
  policy = await loadBundle(packagePath('models/aloha-mini'));
  position = Float64Array.from(robot.joints, ({ home }, joint) => home + 0.004 * (joint % 2));
});

/** What the shipped policy was trained for. */
const prompt = 'Transfer cube';

const joint = (name: string) => robot.joints.findIndex((known) => known.name === name);
const statisticsOf = (config: BundleConfig) => config.transforms.at(-1) as MeanStdConfig;

/** The shipped policy with other statistics. */
function restated(change: (statistics: MeanStdConfig) => void): BundleConfig {
  const config = structuredClone({ ...policy });
  change(statisticsOf(config));
  return config;
}

function swap(values: { [index: number]: number }, i: number, j: number) {
  [values[i], values[j]] = [values[j], values[i]];
}

const swappedStatistics = (i: number, j: number) =>
  restated(({ state, actions }) => {
    for (const values of [state.mean, state.std, actions.mean, actions.std]) swap(values, i, j);
  });

/** What is found, notes left out. */
const misfits = (fit: Partial<FitCase>): Misfit[] =>
  findMisfits({ policy, prompt, robot, arms, position, pictures: [], ...fit }).filter(
    ({ severity }) => severity !== 'note',
  );

/** Asserts that this is all that is found, and what it names. */
function only(
  fit: Partial<FitCase>,
  { severity = 'error', subject }: Partial<Misfit>,
  ...names: (string | number)[]
): void {
  const found = misfits(fit);
  assert.equal(found.length, 1, JSON.stringify(found, null, 1));
  assert.equal(found[0].severity, severity);
  if (subject !== undefined) assert.equal(found[0].subject, subject, found[0].message);
  assertSaid(found[0].message, ...names);
}

/** The start pose with some joints elsewhere. */
const moved = (joints: Record<string, number>) => {
  const elsewhere = position.slice();
  for (const [name, at] of Object.entries(joints)) elsewhere[joint(name)] = at;
  return elsewhere;
};

/** A chunk that stays at `position`, but for one joint. */
function chunkWith(name: string, value: number, row = 0): Float32Array {
  const chunk = new Float32Array(50 * position.length);
  for (let step = 0; step < 50; step++) chunk.set(position, step * position.length);
  chunk[row * position.length + joint(name)] = value;
  return chunk;
}

describe('equipment', () => {
  it('fits where everything is there', () => {
    assert.deepEqual(misfits({ chunk: chunkWith('left_waist', 0.01) }), []);
  });

  it('fits one arm of other joints, and tells two arms apart by the names that they have', async () => {
    const so101 = await loadCalibration(packagePath('calibration/so101.yaml'));
    const own = embodimentOf(so101);
    const home = own.joints.map(({ home }) => home) as [number, ...number[]];
    const moments = { mean: home, std: home.map(() => 0.3) };
    const transforms = [
      { type: 'meanStd', convention: 'openpi', state: moments, actions: moments },
    ];
    const one = {
      policy: {
        ...policy,
        embodiment: 'so101',
        cameras: ['front', 'wrist'] as [string, ...string[]],
        transforms,
      },
      robot: own,
      arms: so101.joints.map(({ arm }) => arm),
      position: Float64Array.from(home),
    };
    assert.deepEqual(misfits(one), []);
    const flipped = Float64Array.from(home, (at, joint) => (joint === 1 ? -at : at));
    only({ ...one, position: flipped }, { subject: 'shoulder_lift' }, 'flipped', 'sign');

    const pair = {
      policy: { ...one.policy, transforms: [{ ...transforms[0], ...Object.fromEntries(['state', 'actions'].map((key) => [key, { mean: [...home, ...home.map((at) => at / 4)], std: [...moments.std, ...moments.std].map(() => 0.05) }])) }] }, // prettier-ignore
      robot: { ...own, joints: [...own.joints, ...own.joints.map((one) => ({ ...one, name: `${one.name}_2`, home: one.home / 4 }))] }, // prettier-ignore
      arms: [...one.arms.map(() => 'near'), ...one.arms.map(() => 'far')],
      position: Float64Array.from([...home.map((at) => at / 4), ...home]),
    };
    only(pair, {}, 'near', 'far', 'swapped');
  });

  it('is warned of another task than its own; a policy that names none is asked for any', () => {
    const own = { ...policy, tasks: { 'transfer-cube': prompt } };
    const other = { prompt: 'Sort the screws' };
    assert.deepEqual(misfits({ policy: own }), []);
    only(
      { policy: own, ...other },
      { severity: 'warning', subject: 'task' },
      'Transfer cube',
      'Sort the screws',
    );
    assert.deepEqual(misfits({ policy: { ...policy, tasks: undefined }, ...other }), []);
  });

  it('is refused for another embodiment', () => {
    only({ policy: { ...policy, embodiment: 'ur5' } }, { subject: 'embodiment' }, 'ur5', 'aloha');
  });

  it('is refused with another number of joints, and vectors are then not compared', () => {
    const joints = robot.joints.slice(0, 7);
    const fit = { robot: { ...robot, joints }, position: position.slice(0, 7), pictures: [] };
    only(fit, { subject: 'joints' }, 7, 14);
    assert.ok(!canSample({ arms, policy, prompt, ...fit }));
    only({ position: position.slice(0, 7) }, { subject: 'joints' }, 7, 14);
  });

  it('is refused without a camera that the policy looks through; one unused is a note', () => {
    const cameras = [{ name: 'cam_top', width: 640, height: 480 }, ...robot.cameras.slice(1)];
    const other = { ...robot, cameras };
    const fit: FitCase = { policy, prompt, robot: other, arms, position, pictures: [] };
    assert.deepEqual(
      findMisfits(fit).map(({ severity, subject }) => [severity, subject]),
      [
        ['error', 'cam_high'],
        ['note', 'cam_top'],
        ['note', 'cam_low'],
      ],
    );
    assert.ok(!canSample(fit));
  });

  it('warns of images that are enlarged for the policy', () => {
    const cameras = robot.cameras.map((camera) =>
      camera.name === 'cam_high' ? { ...camera, width: 64, height: 48 } : camera,
    );
    only(
      { robot: { ...robot, cameras } },
      { severity: 'warning', subject: 'cam_high' },
      '64×48',
      '96×96',
    );
  });

  it('warns of images outside the exposure that their camera is calibrated for', () => {
    const exposure = new Map([['cam_high', [20, 235] as const]]);
    const shot = (level: number) => [
      { camera: 'cam_high', pixels: new Uint8Array(300).fill(level) },
    ];
    assert.deepEqual(misfits({ pictures: shot(100), exposure }), []);
    only({ pictures: shot(3), exposure }, { severity: 'warning', subject: 'cam_high' }, 'dark', 3);
    only(
      { pictures: shot(250), exposure },
      { severity: 'warning', subject: 'cam_high' },
      'bright',
      250,
    );
    assert.deepEqual(misfits({ pictures: shot(3) }), []);
  });

  it('warns of a camera whose pictures have shape but no colour', () => {
    const grey = { camera: 'cam_high', pixels: Uint8Array.of(9, 9, 9, 40, 40, 40) };
    only({ pictures: [grey] }, { severity: 'warning', subject: 'cam_high' }, 'rgb8');
    const coloured = { camera: 'cam_high', pixels: Uint8Array.of(9, 9, 9, 40, 40, 41) };
    assert.deepEqual(misfits({ pictures: [coloured] }), []);
  });

  it('finds a gripper whose driver takes metres, with the command that sets another mode', () => {
    const mode = (found: string) =>
      [{ namespace: 'follower_left', part: 'gripper', mode: found }] as const;
    assert.deepEqual(misfits({ modes: mode('current_based_position') }), []);
    only(
      { modes: mode('linear_position') },
      { subject: 'follower_left' },
      'linear_position',
      'ros2 service call /follower_left/set_operating_modes',
    );
  });

  it('finds two cameras that show the same picture', () => {
    const picture = (camera: string, first: number) => ({
      camera,
      pixels: Uint8Array.of(first, 9),
    });
    const pictures = [picture('a', 1), picture('b', 2), picture('c', 1)];
    only({ pictures }, { subject: 'a, c' }, 'a', 'c');
  });
});

describe('the state against the statistics', () => {
  it('finds any two joints whose statistics are swapped and clearly differ', () => {
    const last = robot.joints.length - 1;
    const pair = fc.tuple(fc.nat(last), fc.nat(last)).filter(([i, j]) => i !== j);
    const { mean, std } = statisticsOf(policy).state;
    fc.assert(
      fc.property(pair, ([i, j]) => {
        const strange = [
          [i, j],
          [j, i],
        ].some(([at, of]) => Math.abs(position[at] - mean[of]) > 4.1 * Math.max(std[of], 0.02));
        fc.pre(strange);
        const found = misfits({ policy: swappedStatistics(i, j) });
        const { joints } = robot;
        assert.ok(
          found.some(({ subject }) => [i, j].some((k) => subject.includes(joints[k].name))),
        );
      }),
    );
  });

  it('finds nothing in a state that the data are full of', () => {
    const { mean, std } = statisticsOf(policy).state;
    const deviation = fc.double({ min: -2, max: 2, noNaN: true });
    fc.assert(
      fc.property(fc.array(deviation, { minLength: 14, maxLength: 14 }), (deviations) => {
        const state = mean.map((middle, k) => {
          const at = middle + deviations[k] * std[k];
          return robot.joints[k].kind === 'gripper' ? Math.min(1, Math.max(0, at)) : at;
        });
        const errors = misfits({ position: Float64Array.from(state) });
        assert.deepEqual(
          errors.filter(({ severity }) => severity === 'error'),
          [],
        );
      }),
    );
  });

  it('names joints whose statistics look swapped', () => {
    only(
      { policy: swappedStatistics(joint('left_elbow'), joint('left_wrist_angle')) },
      { subject: 'left_elbow, left_wrist_angle' },
      ...['swapped', '1.16', '-0.36 ± 0.08'],
    );
  });

  it('offers both where a swap and two flips explain it alike', () => {
    only(
      { policy: swappedStatistics(joint('left_shoulder'), joint('left_elbow')) },
      { subject: 'left_shoulder, left_elbow' },
      ...['swapped', 'flipped'],
    );
  });

  it('names any arm joint that is measured with its sign flipped', () => {
    for (const { name, home } of robot.joints.filter(({ home }) => Math.abs(home) > 0.2))
      only({ position: moved({ [name]: -home }) }, { subject: name }, 'flipped');
  });

  it('names joints that are measured in each other’s place', () => {
    const elbow = position[joint('right_elbow')];
    const shoulder = position[joint('right_shoulder')];
    const swapped = moved({ right_elbow: shoulder, right_shoulder: elbow });
    only({ position: swapped }, {}, 'right_shoulder', 'right_elbow', 'swapped');
  });

  it('knows joints in alphabetical order', () => {
    const sorted = robot.joints.map(({ name }) => name).toSorted();
    const state = Float64Array.from(sorted, (name) => position[joint(name)]);
    only({ position: state }, {}, 'alphabetical');
  });

  it('takes the transforms before normalisation into account', () => {
    const inPolicySpace = restated(({ state, actions }) => {
      const turn = (mean: number[], change: (vector: Float64Array) => void) => {
        const vector = Float64Array.from(mean);
        change(vector);
        mean.splice(0, mean.length, ...vector);
      };
      turn(state.mean, (vector) => alohaTransform().encodeState(vector));
      turn(actions.mean, (vector) => alohaTransform().encodeAction(vector, position));
    });
    const declared = { ...inPolicySpace };
    declared.transforms = [{ type: 'aloha' }, ...inPolicySpace.transforms];
    assert.deepEqual(misfits({ policy: declared }), []);
    const undeclared = misfits({ policy: inPolicySpace }).map(({ message }) => message);
    assert.ok(undeclared.some((message) => /\baloha first\b/.test(message)));
    const twice = { ...policy };
    twice.transforms = [{ type: 'aloha' }, ...policy.transforms];
    assert.ok(misfits({ policy: twice }).some(({ message }) => /\bremove aloha\b/.test(message)));
  });

  it('only warns of a robot that lies at rest, and asks for the start pose', () => {
    const state = Float64Array.from(calibration.joints, ({ rest }) => rest!);
    only({ position: state }, { severity: 'warning' }, 'left_wrist_angle', '-1.57', 'start pose');
  });

  it('reads quantiles as it does means and deviations', () => {
    const spread = ({ mean, std }: MeanStdConfig['state']) => ({
      q01: mean.map((m, k) => m - 2.326 * std[k]) as [number, ...number[]],
      q99: mean.map((m, k) => m + 2.326 * std[k]),
    });
    const asQuantiles = (config: BundleConfig): BundleConfig => {
      const { state, actions } = statisticsOf(config);
      const quantiles = { state: spread(state), actions: spread(actions) };
      return { ...config, transforms: [{ type: 'quantile', ...quantiles }] };
    };
    assert.deepEqual(misfits({ policy: asQuantiles(policy) }), []);
    const swapped = swappedStatistics(joint('left_elbow'), joint('left_wrist_angle'));
    only(
      { policy: asQuantiles(swapped) },
      { subject: 'left_elbow, left_wrist_angle' },
      ...['swapped', '-0.54 to -0.17'],
    );
  });

  it('recognises statistics that no position can have given, and degrees', () => {
    const inDegrees = restated(({ state, actions }) => {
      for (const values of [state.mean, state.std, actions.mean, actions.std])
        robot.joints.forEach(({ kind }, k) => {
          if (kind === 'arm') values[k] *= 180 / Math.PI;
        });
    });
    only({ policy: inDegrees }, {}, 'left_elbow', '62.03', 'degrees');
    const gripper = joint('right_gripper');
    const absurd = restated(({ actions }) => (actions.mean[gripper] = 100));
    only({ policy: absurd }, { subject: 'right_gripper' }, '100.00', '0.00 to 1.00');
  });

  it('recognises placeholders, and warns where there are no statistics', () => {
    const placeholder = restated(({ state, actions }) => {
      for (const { mean, std } of [state, actions]) {
        mean.fill(0);
        std.fill(1);
      }
    });
    only({ policy: placeholder }, { subject: 'statistics' });
    const none = { ...policy, transforms: [] };
    only({ policy: none }, { severity: 'warning', subject: 'statistics' });
  });
});

describe('grippers', () => {
  it('are refused when they open beyond what their angles allow', () => {
    assert.deepEqual(misfits({ position: moved({ left_gripper: -0.04 }) }), []);
    const subject = 'left_gripper';
    only({ position: moved({ left_gripper: -0.1 }) }, { severity: 'warning', subject }, '-0.10');
    only({ position: moved({ left_gripper: 1.4 }) }, { subject }, '1.40');
  });
});

describe('what actions are relative to', () => {
  const mask: [number, ...number[]] = [6, -1, 6, -1];
  const relative = () =>
    restated(({ actions: { mean, std } }) => {
      robot.joints.forEach(({ kind }, k) => {
        if (kind === 'arm') [mean[k], std[k]] = [0.002, 0.05];
      });
    });
  const declared = (config: BundleConfig): BundleConfig => ({
    ...config,
    transforms: [{ type: 'deltaActions', mask }, ...config.transforms],
  });

  it('fits when transforms say what the statistics do', () => {
    assert.deepEqual(misfits({ policy: declared(relative()) }), []);
  });

  it('is found when statistics of differences are taken for positions, and the other way round', () => {
    only({ policy: relative() }, { subject: 'actions' }, 'differences', 'add deltaActions');
    only({ policy: declared(policy) }, { subject: 'actions' }, 'absolute', 'remove deltaActions');
  });

  it('is found in the first row too', () => {
    const scaled = (times: number) => Float32Array.from(position, (at) => times * at);
    const kinds = (chunk: Float32Array, config: BundleConfig) =>
      misfits({ policy: config, chunk }).filter(({ subject }) => subject === 'actions');
    assertSaid(kinds(scaled(0.05), policy)[0].message, 'differences');
    assertSaid(kinds(scaled(1.95), declared(relative()))[0].message, 'absolute');
    assert.deepEqual(kinds(scaled(1.05), policy), []);
    assert.deepEqual(kinds(scaled(1.05), declared(relative())), []);
  });
});

describe('the first chunk', () => {
  it('may move each joint as it can from rest, and is refused at five times its speed', () => {
    const { velocity, acceleration } = robot.joints[joint('left_elbow')];
    const allowed = velocity / robot.controlRate;
    const fromRest = acceleration / robot.controlRate ** 2 / allowed;
    const at = (steps: number) =>
      chunkWith('left_elbow', position[joint('left_elbow')] - steps * allowed);
    assert.deepEqual(misfits({ chunk: at(0.9 * fromRest) }), []);
    const subject = 'left_elbow';
    const warned = { severity: 'warning', subject } as const;
    only({ chunk: at(1.1 * fromRest) }, warned, '0.04 rad');
    only({ chunk: at(2) }, warned, '0.13 rad', '0.04');
    only({ chunk: at(6) }, { subject }, '0.38 rad');
  });

  it('may close a gripper faster than it can', () => {
    only({ chunk: chunkWith('left_gripper', 1) }, { severity: 'warning', subject: 'left_gripper' });
  });

  it('may not leave the limits in any row', () => {
    const { upper } = robot.joints[joint('left_elbow')];
    const at = (beyond: number) => chunkWith('left_elbow', upper + beyond, 30);
    assert.deepEqual(misfits({ chunk: at(0.01) }), []);
    const subject = 'left_elbow';
    only({ chunk: at(0.2) }, { severity: 'warning', subject }, '1.81', '0.20 rad');
    only({ chunk: at(2) }, { subject }, '3.61');
  });

  it('is of finite numbers', () => {
    for (const value of [NaN, Infinity, -Infinity])
      for (const row of [0, 30])
        only({ chunk: chunkWith('right_waist', value, row) }, { subject: 'right_waist' });
  });
});
