import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCurve } from '../../src/learning/curve.ts';
import { logEvents, readEvents } from '../../src/learning/events.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import { readLearning } from '../../src/learning/learningTopic.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';

const SPREAD = { mean: 1, deviation: 0.1, least: 0.9, most: 1.1 };

/** An update as an earlier version logged it. */
const OLD = {
  time: '2026-01-01T00:00:00.000Z',
  event: 'published',
  version: 'b',
  parent: 'a',
  report: {
    ...{ update: 1, attempts: 64, successes: 20, chunks: 250, advantages: SPREAD },
    critics: { loss: 0.2, foretold: 0.5 },
    policy: {
      ...{ steps: 2, ratios: SPREAD, clipShare: 0.1, drift: 0.3, farthest: 0.4, gain: 0.2 },
      ...{ norm: 1.5, lossBefore: 0.6, lossAfter: 0.5 },
    },
  },
};
const OLD_SKIPPED = {
  ...{ time: OLD.time, event: 'unmoved', reason: 'all failed' },
  report: { ...OLD.report, update: 2, successes: 0, policy: undefined, unmoved: 'all failed' },
};

/** A log of two updates of an earlier version, and one event of this one. */
const withLog = (body: (folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const lines = [OLD, OLD_SKIPPED].map((line) => `${JSON.stringify(line)}\n`);
    await writeFile(join(folder, 'log.jsonl'), lines.join(''));
    const [event] = await readEvents(folder);
    assert.ok('report' in event);
    await logEvents(folder, [{ ...event, report: { ...event.report, update: 3 } }]);
    await body(folder);
  });

describe("a learner's log of an earlier version", () => {
  it('is read with the metrics under their present names', () =>
    withLog(async (folder) => {
      const [first, second, third] = await readEvents(folder);
      assert.ok('report' in first && 'report' in second && 'report' in third);
      assert.deepEqual(first.report.critics, { valueLoss: 0.2, explainedVariance: 0.5 });
      assert.deepEqual(first.report.policy, {
        ...{ steps: 2, ratios: SPREAD, lossBefore: 0.6, lossAfter: 0.5 },
        ...{ clipFraction: 0.1, approxKl: 0.3, klLimit: 0.4, expectedGain: 0.2, gradientNorm: 1.5 },
      });
      assert.equal(second.report.skipped, 'all failed');
      assert.deepEqual(third.report, { ...first.report, update: 3 });
      assertSaid(describeEvent(first), '50 %', '10 % clipped', 'approximate KL 0.30');
    }));

  it('tells no values along attempts', () =>
    withLog(async (folder) => {
      const { points, values } = await readLearning(folder);
      assert.deepEqual([points.length, values], [3, undefined]);
    }));

  it('says of a race of tickets what it tells: the four best, and how many run', () =>
    withFolder(async (folder) => {
      const tried = (ticket: number) => ({ ticket, attempts: 4, successes: 2 });
      const race = { ticket: 3, running: 8, leaders: [3, 0].map(tried) };
      const report = { update: 1, attempts: 16, successes: 8, race };
      await writeFile(join(folder, 'log.jsonl'), `${JSON.stringify({ ...OLD, report })}\n`);
      const [event] = await readEvents(folder);
      assertSaid(describeEvent(event), 'ticket 3 2 of 4', 'zero noise 2 of 4', 8);
    }));

  it('is drawn together with the updates of this one', () =>
    withLog(async (folder) => {
      const [{ points }] = await readCurve(folder);
      assert.deepEqual(
        points.map(({ episodes, successes }) => [episodes, successes]),
        [
          [0, 20],
          [64, 0],
          [128, 20],
        ],
      );
    }));
});
