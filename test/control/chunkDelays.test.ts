import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import type { ChunkPolicy, Join } from '../../src/policy/chunkPolicy.ts';
import { type AttemptOptions, runAttempt } from '../../src/control/attempt.ts';
import { assertSaid } from '../refusals.ts';
import { PERIOD, embodiment, fakeRobot, fakeTask } from './fakeRobot.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-delays-'));
after(() => rm(folder, { recursive: true }));

const HORIZON = 50;
const EXECUTE = 40;
/** Control steps that a chunk may take without the arms having to stand. */
const ROWS_LEFT = HORIZON - EXECUTE;
const LEAD = 2;

interface Trial extends Partial<AttemptOptions>, Pick<ChunkPolicy, 'join'> {
  /** A control step at which the loop oversleeps, and how many it misses. */
  oversleep?: { at: number; steps: bigint };
}

/** Chunk after chunk in real time, each there so many control steps after it was asked for. */
async function playDelays(delays: readonly number[], { oversleep, join, ...options }: Trial = {}) {
  const robot = fakeRobot();
  const waiting: { at: bigint; resolve: () => void }[] = [];
  const joins: (Join | undefined)[] = [];
  robot.onStep = (step) => {
    if (step === oversleep?.at) robot.oversleep = oversleep.steps * PERIOD;
    for (const { at, resolve } of waiting) if (robot.clock.now() + PERIOD >= at) resolve();
  };
  const policy: ChunkPolicy = {
    cameras: ['cam_high', 'cam_wrist'],
    horizon: HORIZON,
    executeSteps: EXECUTE,
    join,
    async sample(_observation, _noise, toJoin) {
      const delay = delays[joins.push(toJoin) - 1] ?? 0;
      const at = robot.clock.now() + BigInt(delay) * PERIOD;
      if (delay > 0) await new Promise<void>((resolve) => waiting.push({ at, resolve }));
      return {
        actions: new Float32Array(HORIZON * 2),
        noise: new Float32Array(HORIZON * 2),
        horizon: HORIZON,
        policyVersion: 'v1',
        timing: { preprocess: 0, run: 0, total: 0 },
      };
    },
    close: () => Promise.resolve(),
  };
  const id = String(Math.random());
  const recorder = await recordEpisode(folder, { id, embodiment, task: 'reach', prompt: 'reach out', policy: 'fake' }); // prettier-ignore
  const warnings: string[] = [];
  const result = await runAttempt({
    seed: 7,
    robot,
    task: fakeTask(robot, 2, delays.length * EXECUTE),
    policy,
    recorder,
    awaitChunks: false,
    warn: (text) => warnings.push(text),
    ...options,
  });
  assert.equal(result.problem, null);
  const { chunks } = await readEpisode(result.episode!);
  return { result, chunks, joins, warnings, delays: chunks.map(({ delay }) => delay) };
}

const many = (count: number, delay: number) => Array<number>(count).fill(delay);

describe("chunks' delays in real time", () => {
  it('are what each chunk takes, whatever those before it took', async () => {
    const taken = [0, 3, 3, 6, 2, 9, 3, 10, 2, 3, 8, 2, 3, 3];
    const { delays, result, warnings } = await playDelays(taken);
    assert.deepEqual(delays.slice(0, taken.length), [0, ...taken.slice(1)]);
    assert.equal(result.starvedSteps, 0);
    assert.deepEqual(warnings, []);
  });

  it('are short again after a slow chunk among quick ones', async () => {
    const { delays, result } = await playDelays([0, ...many(3, 3), 9, ...many(12, 3)]);
    assert.deepEqual(delays.slice(4, 9), [9, 3, 3, 3, 3]);
    assert.equal(result.heldSteps, 0);
  });

  it('never make the arms stand where no chunk takes longer than the rows that are left', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(ROWS_LEFT), { minLength: 3, maxLength: 12 }),
        fc.constantFrom('swap', 'ensemble', 'approximate'),
        async (taken, join) => {
          const { result, delays } = await playDelays([0, ...taken], { join });
          assert.equal(result.starvedSteps, 0);
          delays.slice(1).forEach((delay) => assert.ok(delay <= ROWS_LEFT));
        },
      ),
      { numRuns: 20, seed: 1 },
    ));

  it('that are longer make the arms stand, which is counted and told, and for no longer than they last', async () => {
    const slow = ROWS_LEFT + 4;
    const { result, warnings, delays } = await playDelays([0, 3, slow, 3, 3]);
    assert.equal(result.starvedSteps, slow - ROWS_LEFT);
    assert.equal(result.heldSteps, result.starvedSteps);
    assert.deepEqual(delays.slice(0, 5), [0, 3, slow, 3, 3]);
    assert.equal(warnings.length, 1);
    assertSaid(warnings[0], '4 control steps', 'chunk 2', 'after 14', 'for 10');
  });

  it('are not foretold by steps that the loop missed', async () => {
    const oversleep = { at: 38, steps: 5n };
    const { joins, delays, result } = await playDelays([0, 3, 3, 3], { join: 'exact', oversleep });
    assert.equal(result.missedSteps, 5);
    assert.deepEqual(delays.slice(0, 4), [0, 7, 3, 3]);
    assert.equal(joins[2]!.delay, 3);
  });

  it('foretell the next one for ten chunks, by no more than it has rows', async () => {
    const taken = [0, 3, 3, ROWS_LEFT + 5, ...many(14, 3)];
    const { joins } = await playDelays(taken, { join: 'exact' });
    const foreseen = joins.map((toJoin) => toJoin?.delay);
    assert.deepEqual(foreseen.slice(0, 4), [undefined, LEAD, 3, 3]);
    assert.deepEqual(foreseen.slice(4, 14), many(10, ROWS_LEFT));
    assert.deepEqual(foreseen.slice(14, 16), [3, 3]);
  });
});
