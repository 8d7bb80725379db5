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

/** The one thing found. */
function only(fit: Partial<FitCase>, severity: Misfit['severity'] = 'error'): string {
  const found = misfits(fit);
  assert.equal(found.length, 1, JSON.stringify(found, null, 1));
  assert.equal(found[0].severity, severity);
  return `${found[0].subject}: ${found[0].message}`;
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
    assert.match(only({ ...one, position: flipped }), /shoulder_lift looks flipped in sign/);

    const pair = {
      policy: { ...one.policy, transforms: [{ ...transforms[0], ...Object.fromEntries(['state', 'actions'].map((key) => [key, { mean: [...home, ...home.map((at) => at / 4)], std: [...moments.std, ...moments.std].map(() => 0.05) }])) }] }, // prettier-ignore
      robot: { ...own, joints: [...own.joints, ...own.joints.map((one) => ({ ...one, name: `${one.name}_2`, home: one.home / 4 }))] }, // prettier-ignore
      arms: [...one.arms.map(() => 'near'), ...one.arms.map(() => 'far')],
      position: Float64Array.from([...home.map((at) => at / 4), ...home]),
    };
    assert.match(only(pair), /the near and the far arm look swapped/);
  });

  it('is warned of another task than its own; a policy that names none is asked for any', () => {
    const own = { ...policy, tasks: { 'transfer-cube': prompt } };
    const other = { prompt: 'Sort the screws' };
    assert.deepEqual(misfits({ policy: own }), []);
    assert.match(
      only({ policy: own, ...other }, 'warning'),
      /trained for "Transfer cube", .* for "Sort the screws"/,
    );
    assert.deepEqual(misfits({ policy: { ...policy, tasks: undefined }, ...other }), []);
  });

  it('is refused for another embodiment', () => {
    assert.match(only({ policy: { ...policy, embodiment: 'ur5' } }), /for ur5.*is aloha/);
  });

  it('is refused with another number of joints, and vectors are then not compared', () => {
    const joints = robot.joints.slice(0, 7);
    const fit = { robot: { ...robot, joints }, position: position.slice(0, 7), pictures: [] };
    assert.match(only(fit), /7 joints, the policy 14/);
    assert.ok(!canSample({ arms, policy, prompt, ...fit }));
    assert.match(only({ position: position.slice(0, 7) }), /7 joints were measured.*has 14/);
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
    const said = only({ robot: { ...robot, cameras } }, 'warning');
    assert.match(said, /cam_high.*64×48.*96×96/);
  });

  it('warns of images outside the exposure that their camera is calibrated for', () => {
    const exposure = new Map([['cam_high', [20, 235] as const]]);
    const shot = (level: number) => [
      { camera: 'cam_high', pixels: new Uint8Array(300).fill(level) },
    ];
    assert.deepEqual(misfits({ pictures: shot(100), exposure }), []);
    assert.match(only({ pictures: shot(3), exposure }, 'warning'), /cam_high.*dark.*brightness 3,/);
    assert.match(only({ pictures: shot(250), exposure }, 'warning'), /too bright/);
    assert.deepEqual(misfits({ pictures: shot(3) }), []);
  });

  it('warns of a camera whose pictures have shape but no colour', () => {
    const grey = { camera: 'cam_high', pixels: Uint8Array.of(9, 9, 9, 40, 40, 40) };
    assert.match(only({ pictures: [grey] }, 'warning'), /cam_high's image has no colour .* rgb8/);
    const coloured = { camera: 'cam_high', pixels: Uint8Array.of(9, 9, 9, 40, 40, 41) };
    assert.deepEqual(misfits({ pictures: [coloured] }), []);
  });

  it('finds a gripper whose driver takes metres, with the command that sets another mode', () => {
    const mode = (found: string) =>
      [{ namespace: 'follower_left', part: 'gripper', mode: found }] as const;
    assert.deepEqual(misfits({ modes: mode('current_based_position') }), []);
    assert.match(
      only({ modes: mode('linear_position') }),
      /its gripper is in the mode linear_position.*ros2 service call \/follower_left\/set_operating_/,
    );
  });

  it('finds two cameras that show the same picture', () => {
    const picture = (camera: string, first: number) => ({
      camera,
      pixels: Uint8Array.of(first, 9),
    });
    const pictures = [picture('a', 1), picture('b', 2), picture('c', 1)];
    assert.match(only({ pictures }), /a and c show the same picture/);
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
    const said = only({
      policy: swappedStatistics(joint('left_elbow'), joint('left_wrist_angle')),
    });
    assert.match(said, /left_elbow and left_wrist_angle look swapped/);
    assert.match(said, /left_elbow stands at 1\.16 where the policy's data have -0\.36 ± 0\.08/);
  });

  it('offers both where a swap and two flips explain it alike', () => {
    const said = only({ policy: swappedStatistics(joint('left_shoulder'), joint('left_elbow')) });
    assert.match(said, /look swapped, or left_shoulder and left_elbow look flipped/);
  });

  it('names any arm joint that is measured with its sign flipped', () => {
    for (const { name, home } of robot.joints.filter(({ home }) => Math.abs(home) > 0.2))
      assert.match(only({ position: moved({ [name]: -home }) }), new RegExp(`^${name}:.*flipped`));
  });

  it('names joints that are measured in each other’s place', () => {
    const elbow = position[joint('right_elbow')];
    const shoulder = position[joint('right_shoulder')];
    const swapped = moved({ right_elbow: shoulder, right_shoulder: elbow });
    assert.match(only({ position: swapped }), /right_shoulder and right_elbow look swapped/);
  });

  it('knows joints in alphabetical order', () => {
    const sorted = robot.joints.map(({ name }) => name).toSorted();
    const state = Float64Array.from(sorted, (name) => position[joint(name)]);
    assert.match(only({ position: state }), /joints look to be in alphabetical order/);
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
    assert.ok(undeclared.some((message) => /put aloha first in the transforms/.test(message)));
    const twice = { ...policy };
    twice.transforms = [{ type: 'aloha' }, ...policy.transforms];
    assert.ok(misfits({ policy: twice }).some(({ message }) => /remove aloha/.test(message)));
  });

  it('only warns of a robot that lies at rest, and asks for the start pose', () => {
    const state = Float64Array.from(calibration.joints, ({ rest }) => rest!);
    const said = only({ position: state }, 'warning');
    assert.match(said, /left_wrist_angle stands at -1\.57.*start pose fits.*bring the robot there/);
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
    const said = only({ policy: asQuantiles(swapped) });
    assert.match(said, /left_elbow and left_wrist_angle look swapped.*-0\.54 to -0\.17/);
  });

  it('recognises statistics that no position can have given, and degrees', () => {
    const inDegrees = restated(({ state, actions }) => {
      for (const values of [state.mean, state.std, actions.mean, actions.std])
        robot.joints.forEach(({ kind }, k) => {
          if (kind === 'arm') values[k] *= 180 / Math.PI;
        });
    });
    assert.match(only({ policy: inDegrees }), /left_elbow at 62\.03.*in degrees/);
    const gripper = joint('right_gripper');
    const absurd = restated(({ actions }) => (actions.mean[gripper] = 100));
    assert.match(only({ policy: absurd }), /right_gripper at 100\.00.*limits 0\.00 to 1\.00/);
  });

  it('recognises placeholders, and warns where there are no statistics', () => {
    const placeholder = restated(({ state, actions }) => {
      for (const { mean, std } of [state, actions]) {
        mean.fill(0);
        std.fill(1);
      }
    });
    assert.match(only({ policy: placeholder }), /placeholder/);
    const none = { ...policy, transforms: [] };
    assert.match(only({ policy: none }, 'warning'), /no normalisation statistics/);
  });
});

describe('grippers', () => {
  it('are refused when they open beyond what their angles allow', () => {
    assert.deepEqual(misfits({ position: moved({ left_gripper: -0.04 }) }), []);
    const little = only({ position: moved({ left_gripper: -0.1 }) }, 'warning');
    assert.match(little, /left_gripper is measured at opening -0\.10.*constant set/);
    assert.match(only({ position: moved({ left_gripper: 1.4 }) }), /left_gripper/);
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
    assert.match(only({ policy: relative() }), /look like differences.*add deltaActions/);
    assert.match(only({ policy: declared(policy) }), /look absolute.*remove deltaActions/);
  });

  it('is found in the first row too', () => {
    const scaled = (times: number) => Float32Array.from(position, (at) => times * at);
    const kinds = (chunk: Float32Array, config: BundleConfig) =>
      misfits({ policy: config, chunk }).filter(({ subject }) => subject === 'actions');
    assert.match(kinds(scaled(0.05), policy)[0].message, /look like differences/);
    assert.match(kinds(scaled(1.95), declared(relative()))[0].message, /look absolute/);
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
    assert.match(only({ chunk: at(1.1 * fromRest) }, 'warning'), /left_elbow by 0\.04 rad/);
    assert.match(only({ chunk: at(2) }, 'warning'), /left_elbow by 0\.13 rad.*allow 0\.04/);
    assert.match(only({ chunk: at(6) }), /would move left_elbow by 0\.38 rad in the first tick/);
  });

  it('may close a gripper faster than it can', () => {
    assert.match(only({ chunk: chunkWith('left_gripper', 1) }, 'warning'), /left_gripper/);
  });

  it('may not leave the limits in any row', () => {
    const { upper } = robot.joints[joint('left_elbow')];
    const at = (beyond: number) => chunkWith('left_elbow', upper + beyond, 30);
    assert.deepEqual(misfits({ chunk: at(0.01) }), []);
    assert.match(only({ chunk: at(0.2) }, 'warning'), /left_elbow at 1\.81, 0\.20 rad outside/);
    assert.match(only({ chunk: at(2) }), /left_elbow at 3\.61/);
  });

  it('is of finite numbers', () => {
    for (const value of [NaN, Infinity, -Infinity])
      for (const row of [0, 30])
        assert.match(only({ chunk: chunkWith('right_waist', value, row) }), /right_waist.*finite/);
  });
});
