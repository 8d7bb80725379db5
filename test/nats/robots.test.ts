import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startLearner } from '../../src/adapting/learnerProcess.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import { successByRobot } from '../../src/learning/robots.ts';
import { readRobots } from '../../src/link/learner/store.ts';
import { BATCH, ended } from '../learning/attempts.ts';
import { part, withLearner } from '../cli/learnerPlace.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { NO_NATS, withNats } from './server.ts';

const HALF = BATCH / 2;

describe('success by robot', () => {
  it('leaves out what was discarded, and attempts of nobody in particular', () => {
    const [version, robot] = ['aaaaaaaaaaaa', 'cell-1'];
    assert.deepEqual(
      successByRobot([
        { robot, version, reward: 1 },
        { robot, version, reward: 0 },
        { robot, version, reward: null },
        { version, reward: 1 },
      ]),
      [{ robot, version, attempts: 2, successes: 1 }],
    );
  });

  it('is of robots without names in a folder of before', () =>
    withFolder(async (folder) => assert.equal((await readRobots(folder)).size, 0)));
});

describe('a learner of several robots', { timeout: 120_000, skip: NO_NATS }, () => {
  it('tells how often each succeeds with which version, and knows it when it is opened again', () =>
    withNats(({ address }) =>
      withLearner(
        async ({ folder, attempts, learner, events, hand, send, args }) => {
          const batch = part(attempts, 0);
          await hand(
            batch.slice(0, HALF).map((episode, i) => ended(episode, i < 3)),
            'cell-1',
          );
          await send(
            batch.slice(HALF).map((episode) => ended(episode, true)),
            'cell-2',
          );
          const [published] = events;
          const first = 'parent' in published ? published.parent : '';
          const cell = (robot: string, successes: number) => ({
            ...{ robot, version: first, attempts: HALF, successes },
          });
          const expected = [cell('cell-1', 3), cell('cell-2', HALF)];
          assert.deepEqual('robots' in published && published.robots, expected);
          assertSaid(describeEvent(published), 'cell-1 3 of 10, cell-2 10 of 10');
          assert.equal((await readRobots(join(folder, 'learner'))).size, BATCH);
          await learner.stop();

          const again = startLearner(args, { onEvent: () => {}, onText: () => {} });
          const { byRobot } = await again.consumed(BATCH, new AbortController().signal);
          await again.stop();
          assert.deepEqual(byRobot, expected);
        },
        { address },
      ),
    ));
});
