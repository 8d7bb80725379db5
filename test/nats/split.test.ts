import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { UserError } from '../../src/errors.ts';
import { writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { nalu } from '../cli/nalu.ts';
import { writeTinyBundle } from '../learning/tiny.ts';
import { BASE, NATS, kept, names, putEpisodes, randomAdapter, until, withPlace } from '../link/link.ts'; // prettier-ignore
import { assertAbout, assertSaid } from '../refusals.ts';
import { startRelay } from './relay.ts';
import { NO_NATS } from './server.ts';

describe('two learners of one server', { timeout: 60_000, skip: NO_NATS }, () => {
  it('are named to each other, and the second is refused', () =>
    withPlace(async ({ folder, address, learnerFolder, learnerLog, openLearner }) => {
      await openLearner();
      const other = join(folder, 'other');
      const second = openLearner({ folder: other, address: NATS.as(address, 'second') });
      const refused = await second.catch((error: unknown) => error);
      assertAbout(refused, { kind: 'unready', names: ['learner', learnerFolder] });
      await until(() => learnerLog.length > 0);
      assertSaid(learnerLog[0], 'turned away', 'second', other);
    }, NATS));

  it('after a split learn from no episode twice: the one that was cut off ends, and moves no robot', () =>
    withPlace(
      async ({
        folder,
        address,
        episodes,
        learnerFolder,
        openLearner,
        openRuntime,
        learnerLog,
      }) => {
        const relay = await startRelay(address);
        const replaced: UserError[] = [];
        const first = await openLearner({
          address: NATS.as(relay.address, 'first'),
          onReplaced: (error) => void replaced.push(error),
        });
        const courier = await openRuntime();
        const before = await putEpisodes(episodes, names(2, 'before'));
        courier.notify();
        await until(() => courier.status().acknowledged === 2);

        relay.cut();
        const other = join(folder, 'other');
        const heard: string[] = [];
        const second = await openLearner({
          ...{ folder: other, address: NATS.as(address, 'second') },
          log: (line) => heard.push(line),
        });
        const [late, newer] = [randomAdapter(1), randomAdapter(2)];
        const file = (name: string) => join(folder, name);
        await writeAdapter(file('late'), late);
        await writeAdapter(file('newer'), newer);
        void first.publish(file('late'), BASE).catch(() => undefined);
        await second.publish(file('newer'), BASE);
        const meanwhile = await putEpisodes(episodes, names(3, 'meanwhile'));
        courier.notify();
        await until(() => courier.status().acknowledged === 5 && courier.status().version === newer.version); // prettier-ignore

        relay.mend();
        await until(() => replaced.length > 0 && heard.length > 0);
        assertAbout(replaced[0], { kind: 'unready', names: ['second', other] });
        assertSaid(heard[0], 'turned away', 'first', learnerFolder);
        const after = await putEpisodes(episodes, names(3, 'after'));
        courier.notify();
        await until(() => courier.status().acknowledged === 8);
        assert.deepEqual(await kept(learnerFolder), before);
        assert.deepEqual(await kept(other), new Map([...after, ...meanwhile]));
        assert.equal(courier.status().version, newer.version);
        assert.equal(replaced.length, 1, learnerLog.join('\n'));
        await relay.close();
      },
      NATS,
    ));

  it('end a whole nalu learn that was cut off, in a sentence', (t) =>
    withPlace(async ({ folder, address, openLearner }) => {
      const [policy, at, other] = ['policy', 'first', 'second'].map((name) => join(folder, name));
      await writeTinyBundle(policy);
      const relay = await startRelay(address);
      t.after(() => relay.close());
      let said = '';
      const ended = nalu(
        ['learn', at, '--policy', policy, '--address', NATS.as(relay.address, 'first'), '--json'],
        { onOutput: (text) => (said += text) },
      );
      await until(() => said.includes('"event":"ready"'));
      relay.cut();
      await openLearner({ folder: other, address: NATS.as(address, 'second') });
      relay.mend();
      const { code, failure } = await ended;
      assert.equal(code, 1);
      assertAbout(failure, { kind: 'unready', names: ['second', other] });
    }, NATS));
});
