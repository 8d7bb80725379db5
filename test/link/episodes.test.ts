import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kept, names, putEpisodes, until, withPlace } from './link.ts';

const LIMIT = { timeout: 60_000 };

describe('episodes on their way to the learner', LIMIT, () => {
  it('arrive, whole, those of before and those of later', () =>
    withPlace(async ({ episodes, learnerFolder, openLearner, openRuntime, heard }) => {
      const before = await putEpisodes(episodes, names(3, 'before'));
      const large = await putEpisodes(episodes, ['large'], 3_500_000);
      await openLearner();
      const courier = await openRuntime();
      await until(() => courier.status().acknowledged === 4);
      const later = await putEpisodes(episodes, ['later']);
      courier.notify();
      await until(() => courier.status().acknowledged === 5);
      assert.deepEqual(await kept(learnerFolder), new Map([...before, ...large, ...later]));
      await until(() => heard.length === 5);
      assert.equal(courier.status().pending, 0);
      assert.equal(courier.status().lastError, null);
    }));
});
