import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { PolicyAway } from '../../src/policy/policyAway.ts';
import type { ChunkPolicy } from '../../src/policy/chunkPolicy.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { createSight } from '../../src/images/coverage.ts';
import { runAttempt } from '../../src/control/attempt.ts';
import { assertSaid } from '../refusals.ts';
import {
  type FakeRobot,
  PERIOD,
  embodiment,
  fakePolicy,
  fakeRobot,
  fakeTask,
  ramp,
} from './fakeRobot.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-faults-'));
after(() => rm(folder, { recursive: true }));

/** Control steps within which a fault ends in rest: 100 ms. */
const PROMPT = 5;
const SPEED = 0.02;

const isAtRest = ({ commands }: FakeRobot) =>
  commands.at(-1)!.every((value, joint) => value === commands.at(-2)![joint]);

interface Trial {
  policy?: ChunkPolicy;
  maxSteps?: number;
  signal?: AbortSignal;
  awaitChunks?: boolean;
}

/** An attempt of a moving robot, recorded; gives what its episode says ended it. */
async function attemptOf(id: string, robot: FakeRobot, trial: Trial) {
  const { policy = fakePolicy(ramp(SPEED)), maxSteps = 60, signal, awaitChunks = true } = trial;
  const recorder = await recordEpisode(folder, { id, embodiment, task: 'reach', prompt: 'reach out', policy: 'fake' }); // prettier-ignore
  const task = fakeTask(robot, 2, maxSteps);
  const result = await runAttempt({ seed: 7, robot, task, policy, recorder, signal, awaitChunks });
  const episode = await readEpisode(result.episode!);
  assert.deepEqual(episode.missing, []);
  return { result, problem: episode.result!.problem, outcome: episode.result!.outcome };
}

/** Commands that came after the fault at a control step. */
const since = (robot: FakeRobot, step: number) => robot.commands.length - step;

describe('what is stopped by a fault comes to rest within 100 ms, and its episode says why:', () => {
  for (const [name, sight, ...says] of [
    ['a black camera', { dark: ['cam_wrist'], repeated: [] }, 'cam_wrist', 'black'],
    ['a frozen camera', { dark: [], repeated: ['cam_high'] }, 'cam_high', 'repeats'],
  ] as const)
    it(name, async () => {
      const robot = fakeRobot();
      const policy = fakePolicy(ramp(SPEED));
      const blinded: ChunkPolicy = {
        ...policy,
        async sample(...asked) {
          const chunk = await policy.sample(...asked);
          return policy.requests.length > 2 ? { ...chunk, sight } : chunk;
        },
      };
      const { outcome, problem } = await attemptOf(name.replaceAll(' ', '-'), robot, { policy: blinded }); // prettier-ignore
      assert.equal(outcome, 'discarded');
      assertSaid(problem!, ...says);
      assert.ok(isAtRest(robot));
      // Two chunks of five rows were played.
      assert.ok(since(robot, 10) <= PROMPT, `${robot.commands.length}`);
    });

  it('a clock that steps back', async () => {
    const robot = fakeRobot();
    robot.onStep = (step) => {
      if (step === 12) robot.stepBack = 50n * PERIOD;
    };
    const { outcome, problem } = await attemptOf('clock', robot, {});
    assert.equal(outcome, 'discarded');
    assertSaid(problem!, 'clock', 'back', '1.00 s');
    assert.ok(isAtRest(robot));
    assert.ok(since(robot, 12) <= PROMPT);
  });

  it('a clock that leaps ahead, whose attempt is over but has not failed', async () => {
    const robot = fakeRobot();
    robot.onStep = (step) => {
      if (step === 12) robot.oversleep = 500n * PERIOD;
    };
    const { outcome, problem } = await attemptOf('leap', robot, {});
    assert.equal(outcome, 'discarded');
    assertSaid(problem!, 'clock', '10.00 s');
    assert.ok(isAtRest(robot));
  });

  it('somebody else who commands the arms', async () => {
    const robot = fakeRobot();
    const abort = new AbortController();
    robot.onStep = (step) => {
      if (step === 12) abort.abort(new UserError('/teleoperation commands /left too'));
    };
    const { outcome, problem } = await attemptOf('rival', robot, { signal: abort.signal });
    assert.equal(outcome, 'discarded');
    assert.equal(problem, '/teleoperation commands /left too');
    assert.ok(isAtRest(robot));
  });

  it('a policy that fails in the middle of a chunk', async () => {
    const robot = fakeRobot();
    const policy = fakePolicy(ramp(SPEED), (index) => index === 2 ? Promise.reject(new Error('its thread ended')) : Promise.resolve()); // prettier-ignore
    const { outcome, problem } = await attemptOf('failed', robot, { policy });
    assert.equal(outcome, 'discarded');
    assertSaid(problem!, 'chunk 2', 'its thread ended');
    assert.ok(isAtRest(robot));
    // It was asked for two steps before its turn at the tenth.
    assert.ok(since(robot, 8) <= PROMPT);
  });

  it('an operator’s stop in the middle of a chunk', async () => {
    const robot = fakeRobot();
    const stop = new AbortController();
    robot.onStep = (step) => {
      if (step === 12) stop.abort();
    };
    const { outcome, problem } = await attemptOf('stop', robot, { signal: stop.signal });
    assert.equal(outcome, 'discarded');
    assertSaid(problem!, 'by hand');
    assert.ok(isAtRest(robot));
    assert.ok(since(robot, 12) <= PROMPT);
  });
});

describe('what does not stop a robot at once', () => {
  it('a stuck policy: it plays what it has, rests, and gives up after two seconds', async () => {
    const robot = fakeRobot();
    const policy = fakePolicy(ramp(SPEED), (index) => index === 1 ? new Promise(() => {}) : Promise.resolve()); // prettier-ignore
    const { problem } = await attemptOf('stuck', robot, { policy, maxSteps: 500, awaitChunks: false }); // prettier-ignore
    assertSaid(problem!, 'no chunk', '2 s');
    const [last] = robot.commands.at(-1)!;
    const moving = robot.commands.findIndex(([position]) => position === last);
    // Ten rows, then braking.
    assert.ok(moving <= 10 + PROMPT, `${moving}`);
  });

  it('a policy that is out of reach: the arms rest, a newer observation is asked about, and it goes on', async () => {
    const robot = fakeRobot();
    const away = (index: number) => index >= 1 && index <= 15;
    const policy = fakePolicy(ramp(SPEED), (index) => away(index) ? Promise.reject(new PolicyAway('ws://far has closed the connection')) : Promise.resolve()); // prettier-ignore
    const { result, outcome } = await attemptOf('away', robot, { policy, maxSteps: 80, awaitChunks: false }); // prettier-ignore
    assert.equal(outcome, 'failure', 'it lasts until its last step');
    assert.ok(result.starvedSteps > 0 && result.starvedSteps < 40, `${result.starvedSteps}`);
    const stamps = policy.requests.slice(1, 17).map(({ observation }) => observation.joints.stamp);
    assert.deepEqual([...new Set(stamps)], stamps, 'each request has its own observation');
    assert.ok(policy.requests.length > 17);
  });

  it('a policy that stays out of reach: it gives up after two seconds, and says why', async () => {
    const robot = fakeRobot();
    const policy = fakePolicy(ramp(SPEED), (index) => index > 0 ? Promise.reject(new PolicyAway('ws://far has closed the connection')) : Promise.resolve()); // prettier-ignore
    const { problem } = await attemptOf('gone', robot, { policy, maxSteps: 500, awaitChunks: false }); // prettier-ignore
    assertSaid(problem!, 'no chunk', '2 s', 'ws://far has closed the connection');
    assert.ok(isAtRest(robot));
  });

  it('joint states that come twice or in disorder: the newest counts', async () => {
    const [plain, disordered] = [fakeRobot(), fakeRobot()];
    disordered.disorder = true;
    for (const [i, robot] of [plain, disordered].entries())
      assert.equal((await attemptOf(`order-${i}`, robot, {})).problem, undefined);
    assert.deepEqual(disordered.commands, plain.commands);
  });

  it('a chunk of large jumps: every command stays within the limits', async () => {
    const robot = fakeRobot();
    const jumps = fakePolicy((_, index) => Array.from({ length: 10 }, (_, row) => [(row + index) % 2 === 0 ? 0.9 : -0.9, row % 2])); // prettier-ignore
    await attemptOf('jumps', robot, { policy: jumps });
    const rows = [[0, 0], [0, 0], ...robot.commands];
    embodiment.joints.forEach(({ lower, upper, velocity, acceleration }, joint) => {
      const { controlRate } = embodiment;
      rows.slice(2).forEach((row, i) => {
        const [a, b, c] = [rows[i][joint], rows[i + 1][joint], row[joint]];
        assert.ok(c >= lower && c <= upper);
        assert.ok(Math.abs(c - b) * controlRate <= velocity + 1e-9);
        assert.ok(Math.abs(c - 2 * b + a) * controlRate ** 2 <= acceleration + 1e-6);
      });
    });
  });
});

describe('what a policy’s cameras show', () => {
  const picture = (value: number) => new Uint8Array(48).fill(value);
  const at = (shoulder: number) => Float64Array.of(shoulder, 0);

  it('is nothing where a picture is black', () => {
    const look = createSight(['left', 'right']);
    assert.deepEqual(look([picture(3), picture(90)], at(0)), { dark: ['left'], repeated: [] });
  });

  it('is nothing where the picture stays while the arms move', () => {
    const look = createSight(['left', 'right']);
    assert.equal(look([picture(80), picture(90)], at(0)), undefined);
    assert.equal(look([picture(80), picture(90)], at(0.05)), undefined, 'they have hardly moved');
    assert.deepEqual(look([picture(80), picture(91)], at(0.2)), { dark: [], repeated: ['left'] });
    assert.equal(look([picture(81), picture(90)], at(0.4)), undefined);
  });

  it('is told of with each chunk', async () => {
    const bundle = await loadBundle(packagePath('models/aloha-mini'));
    const sampler = await openSampler(bundle, sessionConfigSchema.parse({ threads: 1 }));
    const image = (value: number) => ({ width: 96, height: 96, pixels: new Uint8Array(96 * 96 * 3).fill(value) }); // prettier-ignore
    const images = [image(100), image(0), image(50)];
    const { sight } = await sampler.sample({ images, state: new Float64Array(14), prompt: 'Transfer cube', noise: 'zero' }); // prettier-ignore
    assert.deepEqual(sight, { dark: [bundle.cameras[1]], repeated: [] });
    await sampler.close();
  });
});
