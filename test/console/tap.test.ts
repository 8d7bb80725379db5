import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AttemptLine, TopicName } from '../../src/console/protocol.ts';
import { HIDDEN } from '../../src/console/protocol.ts';
import { type Tap, tapRobot } from '../../src/console/tap.ts';
import type { Outcome } from '../../src/episodes/outcome.ts';
import type { Robot } from '../../src/robot/robot.ts';

describe('the attempts that a robot shows at its console', () => {
  /** Gives the attempts as the pages see them. */
  const tapped = (body: (tap: Tap, shown: () => AttemptLine[]) => void) => {
    const topics: Partial<Record<TopicName, unknown>> = {};
    const publish = (topic: TopicName, value: unknown) => void (topics[topic] = value);
    const console = { url: '', watched: true, attended: false, publish, picture: () => undefined, close: () => Promise.resolve() }; // prettier-ignore
    const robot = { observe: () => undefined, command: () => undefined } as unknown as Robot;
    const tap = tapRobot(robot, console, { executeSteps: 1, cameras: [] });
    try {
      body(tap, () => topics.attempts as AttemptLine[]);
    } finally {
      tap.close();
    }
  };
  const line = (attempt: number, outcome: Outcome): AttemptLine => ({
    ...{ at: attempt, attempt, outcome, version: 'v', seconds: 1, episode: `episode-${attempt}` },
  });
  const outcomes = (lines: AttemptLine[]) => lines.map(({ outcome, judged }) => [outcome, judged]);

  it('count as a label says, and tell how they were judged', () =>
    tapped((tap, shown) => {
      tap.attempt(line(1, 'failure'));
      tap.attempt(line(2, 'success'));
      tap.relabel('episode-1', 'success');
      assert.deepEqual(outcomes(shown()), [['success', 'failure'], ['success', undefined]]); // prettier-ignore
      tap.relabel('episode-1', 'discarded');
      assert.deepEqual(outcomes(shown())[0], ['discarded', 'failure']);
      tap.relabel('episode-1', 'failure');
      assert.deepEqual(outcomes(shown())[0], ['failure', undefined]);
      tap.relabel('another', 'success');
      assert.deepEqual(outcomes(shown()), [['failure', undefined], ['success', undefined]]); // prettier-ignore
    }));

  it('stay blind in a comparison when they are labelled', () =>
    tapped((tap, shown) => {
      tap.blind(true);
      tap.attempt(line(1, 'failure'));
      tap.relabel('episode-1', 'success');
      assert.deepEqual([shown()[0].outcome, shown()[0].version], ['success', HIDDEN]);
    }));
});
