import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { packagePath } from '../../src/files/packagePath.ts';
import type { Chunk, ChunkPolicy, Observation } from '../../src/policy/chunkPolicy.ts';
import { commandedBy, endEffectorPolicy } from '../../src/policy/endEffectorPolicy.ts';
import type { Calibration } from '../../src/robot/calibration.ts';
import { parseCalibration } from '../../src/robot/calibrationFile.ts';
import { poseOf } from '../../src/robot/inverseKinematics.ts';
import { toAxisAngle } from '../../src/robot/rotations.ts';
import { placedArms } from '../../src/robot/spaceRules.ts';
import { openNodePolicy } from '../../src/ros/policy/openPolicy.ts';
import { POLICY_PARAMETERS, type PolicyParameters } from '../../src/ros/policy/policyParameters.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { tinyBundle, writeTinyBundle } from '../learning/tiny.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { refused } from '../robot/refusedCalibration.ts';

const FRANKA = await readFile(packagePath('calibration/franka.yaml'), 'utf8');

/** LIBERO's vectors, by whose policies a Franka's hand is moved. */
const LIBERO = {
  embodiment: 'libero',
  turns: 'axis-angle',
  metres: 0.05,
  radians: 0.5,
  gripper: { closed: 1, open: -1 },
  fingers: [0.04, -0.04],
};

const withEndEffector = (
  endEffector: object,
  change?: (arm: Calibration['arms'][number]) => void,
) => {
  const given = parse(FRANKA) as Calibration;
  Object.assign(given.arms[0], { endEffector });
  change?.(given.arms[0]);
  return stringify(given);
};

const calibration = parseCalibration(withEndEffector(LIBERO), 'franka.yaml');
const [{ base, chain }] = placedArms(calibration);
const GRIPPER = calibration.joints.length - 1;
const home = Float64Array.from(calibration.joints, (joint) => joint.home);

/** A policy that plays these rows of seven numbers, and what it saw. */
function playing(rows: readonly number[][]) {
  const seen: Observation[] = [];
  const policy: ChunkPolicy = {
    ...{ cameras: [], horizon: rows.length, executeSteps: rows.length, join: 'approximate' },
    sample(observation) {
      seen.push(observation);
      const chunk: Chunk = {
        actions: Float32Array.from(rows.flat()),
        noise: new Float32Array(0),
        horizon: rows.length,
        policyVersion: 'v1',
        timing: { preprocess: 0, run: 0, total: 0 },
      };
      return Promise.resolve(chunk);
    },
    close: () => Promise.resolve(),
  };
  return { policy, seen };
}

const observed = (position: Float64Array): Observation => ({
  joints: { stamp: 1n, position },
  frames: [],
  prompt: 'pick up the cube',
});

/** Joint rows of a chunk, and the poses that they bring the hand to. */
async function played(rows: readonly number[][], from = home, given = calibration) {
  const { policy, seen } = playing(rows);
  const moving = endEffectorPolicy(policy, commandedBy('libero', given)!, given);
  const { actions, horizon } = await moving.sample(observed(from), 'zero');
  const joints = Array.from({ length: horizon }, (_, i) => [
    ...actions.subarray(i * home.length, (i + 1) * home.length),
  ]);
  return { joints, poses: joints.map((row) => poseOf(chain!, base, row)), seen, moving };
}

const near = (actual: readonly number[], expected: readonly number[], most: number) =>
  actual.forEach((value, i) =>
    assert.ok(
      Math.abs(value - expected[i]) < most,
      `${actual.join()} instead of ${expected.join()}`,
    ),
  );

describe('a policy that commands the end effector of a joint-controlled arm', () => {
  it('reads where the fingers are, how they are turned, and how far apart', async () => {
    // Published dimensions, m: shoulder 0.333 + 0.316, forearm 0.384, hand 0.2104 down; its elbow and wrist are 0.0825 and 0.088 aside.
    const stretched = home.map((value, i) => (i === GRIPPER ? 0.5 : 0 * value));
    const { seen } = await played([[0, 0, 0, 0, 0, 0, 1]], stretched);
    const state = [...seen[0].joints.position];
    near(state.slice(0, 3), [0.088, 0, 0.333 + 0.316 + 0.384 - 0.2104], 1e-9);
    near(state.slice(3, 6).map(Math.abs), [Math.PI, 0, 0], 1e-9);
    near(state.slice(6), [0.02, -0.02], 1e-12);
  });

  it('moves the fingers by its rows, one after another, along the robot’s axes', async () => {
    const start = poseOf(chain!, base, home);
    const up = [0, 0, 0.2, 0, 0, 0, -1];
    const { poses, joints } = await played([up, up, [0.1, -0.1, 0, 0, 0, 0, 1]]);
    const [x, y, z] = start.position;
    near(poses[0].position, [x, y, z + 0.01], 1e-4);
    near(poses[1].position, [x, y, z + 0.02], 1e-4);
    near(poses[2].position, [x + 0.005, y - 0.005, z + 0.02], 1e-4);
    for (const { rotation } of poses) near(rotation, start.rotation, 1e-3);
    assert.deepEqual(joints.map((row) => row[GRIPPER]), [1, 1, 0]); // prettier-ignore
  });

  it('turns the hand about the robot’s axes, in either notation', async () => {
    const start = poseOf(chain!, base, home);
    const turn = [0, 0, 0, 0, 0, 0.4, 0];
    for (const turns of ['axis-angle', 'roll-pitch-yaw']) {
      const given = parseCalibration(withEndEffector({ ...LIBERO, turns }), 'franka.yaml');
      const { poses } = await played([turn, turn], home, given);
      near(poses[1].position, start.position, 1e-4);
      const cosine = Math.cos(0.4);
      const [a, , , b] = start.rotation;
      near([poses[1].rotation[0]], [cosine * a - Math.sin(0.4) * b], 1e-3);
    }
  });

  it('tells its own frame of the hand where the calibration turns it', async () => {
    const rotation = [0, 0, 0.7];
    const given = parseCalibration(withEndEffector({ ...LIBERO, rotation }), 'franka.yaml');
    const row = [0, 0, 0, 0, 0, 0, 1];
    const [plain, turned] = await Promise.all([played([row]), played([row], home, given)]);
    const vectors = [plain, turned].map(({ seen }) => [...seen[0].joints.position].slice(3, 6));
    assert.notDeepEqual(vectors[0], vectors[1]);
    near(vectors[0], toAxisAngle(poseOf(chain!, base, home).rotation), 1e-12);
    assert.deepEqual(turned.joints, plain.joints, 'where nothing turns, nothing moves');
  });

  it('keeps within the joints’ limits what leads out of reach, and joins no chunks', async () => {
    const far = Array.from({ length: 40 }, () => [1, 0, 0, 0, 0, 0, -1]);
    const { joints, moving } = await played(far);
    for (const row of joints)
      row.forEach((value, i) => {
        const { lower, upper } = calibration.joints[i];
        assert.ok(value >= lower - 1e-6 && value <= upper + 1e-6);
      });
    assert.equal(moving.join, 'swap');
  });
});

describe('an end effector in a calibration', () => {
  it('needs a chain, a gripper, and numbers that say something', () => {
    refused(
      withEndEffector(LIBERO, (arm) => delete arm.chain),
      'arms[0].endEffector',
    );
    refused(withEndEffector({ ...LIBERO, gripper: { closed: 1, open: 1 } }), 'arms[0].endEffector.gripper'); // prettier-ignore
    refused(withEndEffector({ ...LIBERO, metres: 50 }), 'arms[0].endEffector.metres');
    refused(withEndEffector({ ...LIBERO, turns: 'euler' }), 'arms[0].endEffector.turns');
  });
});

describe('the policy’s node', () => {
  const parameters = (policy: string): PolicyParameters => ({
    ...(Object.fromEntries(
      Object.entries(POLICY_PARAMETERS).map(([name, spec]) => [name, spec.default]),
    ) as PolicyParameters),
    policy,
  });
  const moments = (size: number) => ({
    mean: new Array<number>(size).fill(0),
    std: new Array<number>(size).fill(0.1),
  });

  it('plays a policy for the end effector on an arm whose calibration says how, and on no other', () =>
    withFolder(async (folder) => {
      const policy = join(folder, 'policy');
      await writeTinyBundle(policy, 0, {
        ...tinyBundle,
        embodiment: 'libero',
        cameras: ['front', 'wrist'],
        architecture: { ...tinyBundle.architecture, stateDim: 8, actionDim: 7 },
        transforms: [{ type: 'meanStd', convention: 'openpi', state: moments(8), actions: moments(7) }], // prettier-ignore
      });
      const session = sessionConfigSchema.parse({ threads: 1 });
      const opened = await openNodePolicy(parameters(policy), calibration, session, undefined);
      try {
        const frames = calibration.cameras.map(({ name }) => ({
          ...{ camera: name, stamp: 1n, width: 8, height: 8 },
          pixels: () => Promise.resolve(new Uint8Array(192).fill(90)),
        }));
        const { actions } = await opened.policy.sample({ ...observed(home), frames }, { seed: 1 });
        assert.equal(actions.length, opened.policy.horizon * home.length);
        assert.ok(actions.every(Number.isFinite));
        assert.equal(opened.own?.commandsEndEffector, true);
      } finally {
        await opened.policy.close();
      }
      const plain = parseCalibration(FRANKA, 'franka.yaml');
      await assertRejectsAbout(openNodePolicy(parameters(policy), plain, session, undefined), {
        kind: 'mismatch',
        subject: policy,
        names: ['libero', 'franka'],
      });
      await assertRejectsAbout(
        openNodePolicy(parameters(policy), calibration, session, { parameters: 'expert' }),
        { kind: 'unsupported', subject: 'policy', fields: ['learner'] },
      );
    }));
});
