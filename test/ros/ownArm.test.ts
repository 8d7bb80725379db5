import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { assertSaidIn } from '../refusals.ts';
import { findMisfits } from '../../src/check/fit.ts';
import { fitCase, observeOnce, withChunk } from '../../src/check/fitCase.ts';
import { runAttempt } from '../../src/control/attempt.ts';
import { trajectoryPolicy } from '../../src/control/trajectoryPolicy.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { openWorkerPolicy } from '../../src/policy/worker/workerPolicy.ts';
import { embodimentOf } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { taskOf } from '../../src/robot/taskOf.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { nalu } from '../cli/nalu.ts';
import { robotOverTopics } from './fakeDriver.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-own-arm-'));
after(() => rm(folder, { recursive: true }));
const file = join(folder, 'sixer.yaml');

/** An arm that nobody has built: its last joint but the fingers slides, and its driver turns one joint the other way. */
await writeFile(
  file,
  `name: sixer
controlRate: 30
tasks:
  stack: Stack the bricks
  sort: Sort the screws
arms:
  - name: arm
    states: /sixer/joints
    command: { kind: position, topic: /sixer/positions/commands }
    gripper: { kind: prismatic, closed: 0, open: 0.04, mirror: { joint: finger_2, sign: -1 } }
    base: [0.1, 0, 0.2, 1.5708]
    chain:
      joints:
        - { joint: j1, offset: [0, 0, 0.1], axis: [0, 0, 1] }
        - { joint: j2, offset: [0, 0, 0.1], axis: [0, 1, 0] }
        - { joint: j3, offset: [0.3, 0, 0], axis: [0, 1, 0] }
        - { joint: j4, offset: [0.2, 0, 0], rotation: [0, 0.5, 0], axis: [1, 0, 0] }
        - { joint: rail, offset: [0.1, 0, 0], axis: [1, 0, 0] }
      hand: [0.02, 0, 0]
      tip: [0.1, 0, 0]
joints:
  - { name: turn, arm: arm, joint: j1, kind: arm, lower: -3, upper: 3, velocity: 2, home: 0 }
  - { name: lift, arm: arm, joint: j2, kind: arm, lower: -2, upper: 1, velocity: 2, home: -0.5, sign: -1, offset: 0.1 }
  - { name: bend, arm: arm, joint: j3, kind: arm, lower: -1, upper: 2, velocity: 2, home: 0.8 }
  - { name: roll, arm: arm, joint: j4, kind: arm, lower: -3, upper: 3, velocity: 2, home: 0 }
  - { name: push, arm: arm, joint: rail, kind: prismatic, lower: 0, upper: 0.15, velocity: 0.2, acceleration: 2, home: 0.05 }
  - { name: fingers, arm: arm, joint: finger_1, kind: gripper, lower: 0, upper: 1, velocity: 3, home: 0.5 }
cameras:
  - { name: above, width: 32, height: 24, mount: fixed, topic: /above/image }
  - { name: hand_eye, width: 32, height: 24, mount: wrist, topic: /hand/image }
workspace: { lower: [-0.9, -0.9, 0], upper: [0.9, 0.9, 1], enforced: true }
`,
);
const calibration = await loadCalibration(file);
const { joints, cameras } = embodimentOf(calibration);
const NAMES = cameras.map(({ name }) => name);

/** A policy that waves about home, and opens and closes the hand. */
const waving = () =>
  trajectoryPolicy({
    ...{ version: 'waving', cameras: NAMES, horizon: 20, executeSteps: 10, controlRate: 30 },
    plan: () =>
      Array.from({ length: 120 }, (_, step) =>
        joints.map(
          ({ home, kind }) => home + Math.sin(step / 10) * (kind === 'prismatic' ? 0.02 : 0.2),
        ),
      ),
  });

describe('an arm that only its calibration describes', () => {
  it('makes an attempt, which its episode holds', async () => {
    const { robot } = robotOverTopics(calibration);
    const { name: task, prompt } = taskOf(calibration, { task: 'sort' }, file);
    assert.equal(prompt, 'Sort the screws');
    const episodes = join(folder, 'episodes');
    await mkdir(episodes);
    const recorder = await recordEpisode(episodes, {
      ...{ id: 'one', embodiment: robot.embodiment, task, prompt, policy: 'waving' },
    });
    const result = await runAttempt({
      ...{ seed: 0, robot, policy: waving(), recorder },
      task: {
        ...{ name: task, prompt, maxSteps: 100, reset: () => Promise.resolve() },
        assess: () => ({ reward: 1, success: robot.clock.now() > 4_000_000_000n }),
      },
    });
    await robot.close();
    assert.equal(result.problem, null);
    assert.equal(result.outcome, 'success');
    const { header, commands } = await readEpisode(result.episode!);
    assert.deepEqual(header.embodiment, robot.embodiment);
    assert.deepEqual([header.task, header.prompt], ['sort', 'Sort the screws']);
    for (const joint of joints.keys())
      assert.ok(new Set(commands.map(({ position }) => position[joint])).size > 10);
  });

  it('is learned from, and a policy for it fits it, by the rules of check', async () => {
    const bundle = join(folder, 'policy');
    const quick = ['--steps', '1', '--batch', '2', '--samples', '1'];
    const { code, out, err } = await nalu([
      'imitate',
      join(folder, 'episodes'),
      '--out',
      bundle,
      ...quick,
    ]);
    assert.equal(code, 0, err);
    assertSaidIn(out, 'no evaluations', 'aloha');
    const policy = await loadBundle(bundle);
    assert.deepEqual([policy.embodiment, policy.cameras], ['sixer', NAMES]);
    const { robot } = robotOverTopics(calibration);
    const observation = await observeOnce(robot, NAMES, 'Sort the screws');
    const seen = await fitCase(policy, calibration, observation);
    const worker = await openWorkerPolicy(policy, sessionConfigSchema.parse({}));
    const fit = await withChunk(seen, worker, observation);
    await worker.close();
    await robot.close();
    assert.equal(fit.chunk.length % joints.length, 0);
    assert.deepEqual(
      findMisfits(fit).filter(({ severity }) => severity === 'error'),
      [],
    );
    const swapped = {
      ...fit,
      policy: { ...policy, cameras: ['above', 'below'] as [string, string] },
    };
    const found = findMisfits(swapped).map(({ message }) => message);
    assertSaidIn(found.join('\n'), 'below', 'above', 'hand_eye');
  });

  it('has a policy of random weights made for it', async () => {
    const bundle = join(folder, 'random');
    const { code, err } = await nalu(['create', bundle, '--calibration', file]);
    assert.equal(code, 0, err);
    const { embodiment, cameras: seen, description } = await loadBundle(bundle);
    assert.deepEqual([embodiment, seen], ['sixer', NAMES]);
    assert.ok(description.includes('sixer'), description);
  });
});
