import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DiscardPolicy } from '@nats-io/jetstream';
import { connectNats } from '../../src/nats/connect.ts';
import { NATS, kept, names, putEpisodes, until, withPlace } from '../link/link.ts';
import { NO_NATS } from './server.ts';

const LIMIT = { timeout: 120_000, skip: NO_NATS };

describe('the link over NATS', LIMIT, () => {
  it('keeps on the robot what the server has no room for; both sides say so', () =>
    withPlace(async (place) => {
      const { address, episodes, learnerFolder, openLearner, openRuntime } = place;
      const nats = await connectNats({ address });
      const parts = { name: 'nalu-parts', subjects: ['nalu.part.>'], max_msgs_per_subject: 1 };
      await nats.manager.streams.add({
        ...{ ...parts, discard: DiscardPolicy.New, max_bytes: 100_000, allow_direct: true },
      });
      const small = await putEpisodes(episodes, names(2), 3000);
      await putEpisodes(episodes, ['large'], 400_000);
      await openLearner();
      const courier = await openRuntime();
      await until(() => courier.status().acknowledged === 2);
      assert.deepEqual(await kept(learnerFolder), small);
      const complaint = /did not keep large, which will be offered again: it has no room: maximum bytes/; // prettier-ignore
      for (const log of [place.runtimeLog, place.learnerLog])
        await until(() => log.some((line) => complaint.test(line)));
      assert.equal(courier.status().pending, 1);
      await nats.manager.streams.update('nalu-parts', { max_bytes: 10_000_000 });
      await until(() => courier.status().acknowledged === 3);
      await nats.close();
    }, NATS));

  it('refuses a robot under the name of another one, or with other joints, by name', () =>
    withPlace(async ({ folder, openLearner, openRuntime, learnerLog }) => {
      const embodiment = { name: 'arm', joints: ['waist', 'elbow'] };
      await openLearner({ embodiment });
      const first = await openRuntime({ embodiment });
      await until(() => first.status().connected);
      const other = (name: string) => ({
        episodes: join(folder, name),
        adapters: join(folder, `${name}-adapters`),
      });
      const second = await openRuntime(other('second'));
      await until(() => second.status().lastError !== null);
      const strange = { name: 'arm', joints: ['elbow', 'waist'] };
      const third = await openRuntime({ ...other('third'), embodiment: strange }, 'third');
      await until(() => third.status().lastError !== null);
      assert.match(second.status().lastError!, /another robot is connected as robot; give each/);
      assert.match(third.status().lastError!, /its joints are elbow, waist; .* waist, elbow/);
      assert.ok(learnerLog.some((line) => line.startsWith('refused the robot robot: another')));
      assert.ok(learnerLog.some((line) => line.startsWith('refused the robot third: its joints')));
      assert.ok(first.status().connected);
    }, NATS));
});
