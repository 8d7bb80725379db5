import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SuccessClassifier, openClassifier } from '../../src/classifier/successClassifier.ts';
import type { Robot } from '../../src/robot/robot.ts';
import { runAttempt } from '../../src/control/attempt.ts';
import { judge } from '../../src/control/judge.ts';
import { withFolder } from '../onnx/run.ts';
import { writeRedClassifier } from '../classifier/classifiers.ts';
import { PERIOD, fakePolicy, fakeRobot, fakeTask, ramp } from './fakeRobot.ts';

const LOOKS = { camera: 'cam_high', threshold: 0.5, agree: 2, every: 4 };

/** A classifier in this thread, of what a look at a stamp gives. */
const given = (probability: (stamp: bigint) => Promise<number>): SuccessClassifier => ({
  ...LOOKS,
  probability: ({ stamp }) => probability(stamp),
  close: () => Promise.resolve(),
});

async function attempt(classifier: SuccessClassifier, awaitLooks = true) {
  const problems: string[] = [];
  const robot = fakeRobot();
  const judged = judge(robot, classifier, {
    awaitLooks,
    onProblem: (text) => problems.push(text),
  });
  const result = await runAttempt({
    robot: judged.robot satisfies Robot,
    task: { ...fakeTask(robot, 100), assess: () => ({ reward: 0, success: judged.succeeded() }) },
    policy: fakePolicy(ramp(0.01)),
    seed: 1,
  });
  return { result, problems };
}

describe('a judge', () => {
  it('ends an attempt as success where enough looks in a row agree', () =>
    withFolder(async (folder) => {
      // The fake camera's first pixel is brighter by one with every step, from 59 on.
      const path = await writeRedClassifier(folder, { row: 1, ...LOOKS, threshold: 80 / 255 });
      const classifier = await openClassifier(path);
      const runs = async () => [await attempt(classifier), await attempt(classifier)];
      const [{ result }, { result: again }] = await runs().finally(() => classifier.close());
      assert.equal(result.outcome, 'success');
      assert.equal(result.steps, again.steps, 'where time waits for looks, it repeats');
      assert.ok(result.steps > 20 && result.steps < 32, `${result.steps} steps`);
    }));

  it('looks from the first command on, every so many steps, and starts again after a look that does not agree', async () => {
    const stamps: bigint[] = [];
    const answers = [0.9, 0.1, 0.9, 0.4, 0.6, 0.5];
    const { result } = await attempt(
      given((stamp) => Promise.resolve(answers[stamps.push(stamp) - 1])),
    );
    assert.equal(result.outcome, 'success');
    assert.equal(stamps.length, answers.length, 'the last two agree');
    stamps.slice(1).forEach((stamp, i) => assert.equal(stamp - stamps[i], 4n * PERIOD));
    assert.equal(result.steps, 1 + 4 * 5);
  });

  it('keeps no tick waiting where time goes on: an attempt ends beside a look that never does', async () => {
    const { result } = await attempt(
      given(() => new Promise(() => undefined)),
      false,
    );
    assert.equal(result.outcome, 'failure');
    assert.equal(result.steps, 60);
  });

  it('tells once of looks that fail, and goes on', async () => {
    let looks = 0;
    const { result, problems } = await attempt(
      given(() =>
        looks++ < 3 ? Promise.reject(new Error('the image is gone')) : Promise.resolve(1),
      ),
    );
    assert.equal(result.outcome, 'success');
    assert.deepEqual(problems, [
      'the success classifier cannot look at cam_high: the image is gone',
    ]);
  });
});
