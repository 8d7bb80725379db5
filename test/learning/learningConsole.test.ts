import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { UserError } from '../../src/errors.ts';
import { logEvents } from '../../src/learning/events.ts';
import { openLearningConsole } from '../../src/learning/learningConsole.ts';
import { openPage } from '../console/client.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';

const report = { update: 1, attempts: 4, successes: 1 };

describe('the page of a learner', { timeout: 60_000 }, () => {
  it('is at another port where its own is taken, says so, and shows what the learner logs', () =>
    withFolder(async (folder) => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const lines: string[] = [];
      const console = await openLearningConsole({
        access: { host: '127.0.0.1' },
        addresses: (url) => [url],
        port,
        learner: { folder, batch: 4, runs: true },
        episodes: [],
        answers: {
          pauseLearning: ({ paused }, by) => `${by} ${paused ? 'pauses' : 'resumes'}`,
          rollBack() {
            throw new UserError('not now');
          },
        },
        log: (line) => lines.push(line),
      });
      try {
        assert.deepEqual(lines, [`console at ${console.url}`]);
        assert.notEqual(new URL(console.url).port, String(port));
        const page = await openPage(console.url);
        await page.until(() => page.topics.learning, 'the learner');
        assert.equal(page.topics.phase!.phase, 'absent');
        assert.equal(page.topics.robot, undefined);
        assert.deepEqual(page.topics.learning!.answers, ['pauseLearning', 'rollBack']);
        await logEvents(folder, [{ event: 'warmed up', report }]);
        await page.until(() => page.topics.learning!.points.length === 1, 'the update');
        const [point] = page.topics.learning!.points;
        assert.deepEqual([point.update, point.attempts, point.successes], [1, 4, 1]);

        const paused = await page.ask('pauseLearning', { paused: true });
        assert.deepEqual([paused.ok, paused.says], [true, 'tester pauses']);
        const refused = await page.ask('rollBack', { version: 'x' });
        assert.deepEqual([refused.ok, refused.says], [false, 'not now']);
        assertSaid((await page.ask('pin', { version: 'x' })).says!, '"pin"');
        await page.close();
        const hello = { name: 'Be\u001b[2Jn' };
        const other = await openPage(console.url, { hello });
        const { says } = await other.ask('pauseLearning', { paused: false });
        assert.equal(says, 'Be[2Jn resumes', 'a name does nothing to a terminal');
        await other.close();
      } finally {
        await console.close();
        taken.close();
      }
    }));
});
