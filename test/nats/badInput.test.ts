import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DiscardPolicy } from '@nats-io/jetstream';
import { connectNats } from '../../src/nats/connect.ts';
import {
  type Answer,
  NATS_PROTOCOL,
  adapterPart,
  episodePart,
  offerSubject,
  readMessage,
  robotSubject,
  wantedSubject,
  writeMessage,
} from '../../src/link/nats/subjects.ts';
import { type Adapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { BASE, NATS, kept, names, putEpisodes, randomAdapter, until, withPlace } from '../link/link.ts'; // prettier-ignore
import { mountSmallDisk } from '../episodes/smallDisk.ts';
import { assertSaid } from '../refusals.ts';
import { NO_NATS } from './server.ts';

const LIMIT = { timeout: 120_000, skip: NO_NATS };

describe('the link over NATS', LIMIT, () => {
  it(
    'keeps on the robot what the server has no room for, both say so, and offers it again soon',
    { timeout: 40_000 },
    (t) =>
      withPlace(async (place) => {
        const { address, episodes, learnerFolder, openLearner, openRuntime } = place;
        const nats = await connectNats({ address });
        t.after(() => nats.close());
        const parts = { name: 'nalu-parts', subjects: ['nalu.part.>'], max_msgs_per_subject: 1 };
        await nats.manager.streams.add({
          ...{ ...parts, discard: DiscardPolicy.New, max_bytes: 100_000, allow_direct: true },
        });
        const small = await putEpisodes(episodes, names(2), 3000);
        await putEpisodes(episodes, names(8, 'large'), 400_000);
        await openLearner();
        const courier = await openRuntime();
        await until(() => courier.status().acknowledged === 2);
        assert.deepEqual(await kept(learnerFolder), small);
        for (const log of [place.runtimeLog, place.learnerLog]) {
          const complaints = () => log.filter((line) => line.includes('large'));
          await until(() => complaints().length > 0);
          assertSaid(complaints()[0], 'offered again', 'no room', 'maximum bytes');
        }
        assert.equal(courier.status().pending, 8);
        await nats.manager.streams.update('nalu-parts', { max_bytes: 10_000_000 });
        await until(() => courier.status().acknowledged === 10);
      }, NATS),
  );

  it('takes a version that came while the disk was full once there is room again', (t) =>
    withPlace(async ({ folder, learnerLog, openLearner, openRuntime }) => {
      const disk = await mountSmallDisk(join(folder, 'small'), 1_000_000);
      if (!disk) return t.skip('no disk may be mounted here');
      try {
        const port = await openLearner();
        const courier = await openRuntime({ adapters: disk.path });
        await until(() => courier.status().connected);
        await disk.fill();
        const [adapter, file] = [randomAdapter(1), join(folder, 'adapter.out')];
        await writeAdapter(file, adapter);
        await port.publish(file, BASE);
        await until(() => learnerLog.length > 0);
        assertSaid(learnerLog[0], 'robot', adapter.version, 'disk is full');
        await disk.empty();
        await until(() => courier.status().version === adapter.version);
        assert.equal(courier.status().refused, null);
        await courier.close();
      } finally {
        await disk.unmount();
      }
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
      await until(() => /another robot/.test(second.status().lastError ?? ''));
      const strange = { name: 'arm', joints: ['elbow', 'waist'] };
      const third = await openRuntime({ ...other('third'), embodiment: strange }, 'third');
      await until(() => /waist/.test(third.status().lastError ?? ''));
      for (const [name, said, ...names] of [
        ['robot', second.status().lastError!, 'another robot'],
        ['third', third.status().lastError!, 'elbow, waist', 'waist, elbow'],
      ]) {
        assertSaid(said, ...names);
        const refused = learnerLog.find((line) => line.includes(`the robot ${name}`));
        assertSaid(refused!, ...names);
      }
      assert.ok(first.status().connected);
    }, NATS));

  it('takes no episode whose file is not there, or another than was offered, nor a message that is none', (t) =>
    withPlace(
      async ({ address, episodes, learnerFolder, learnerLog, openLearner, openRuntime }) => {
        await openLearner();
        const nats = await connectNats({ address: NATS.as(address, 'raw') });
        t.after(() => nats.close());
        const answers: Answer[] = [];
        nats.connection.subscribe(robotSubject('raw', 'answer'), {
          callback: (_, message) => void answers.push(readMessage('answer', message.string())),
        });
        const offer = async (name: string, content: string, sent?: string) => {
          const sha256 = createHash('sha256').update(content).digest('hex');
          if (sent !== undefined) await nats.jetstream.publish(episodePart('raw', sha256, 0), sent);
          const self = { protocol: NATS_PROTOCOL, instance: 'raw', base: BASE, version: BASE };
          const text = writeMessage('offer', { ...self, name, bytes: content.length, sha256, labels: [] }); // prettier-ignore
          await nats.jetstream.publish(offerSubject('raw', name), text);
          await until(() => answers.length > 0);
          return answers.shift()!;
        };
        const absent = await offer('absent', 'an episode');
        const other = await offer('other', 'one episode', 'an episode?');
        await nats.jetstream.publish(offerSubject('raw', 'none'), `{"protocol":${NATS_PROTOCOL}}`);
        await until(() => answers.length > 0);
        const none = answers.shift()!;
        assert.deepEqual([absent.kind, other.kind, none.kind], ['notKept', 'notKept', 'refused']);
        assertSaid('why' in absent ? absent.why : '', 'absent');
        assertSaid('why' in other ? other.why : '', 'other');
        assertSaid('why' in none ? none.why : '', 'sha256');
        const heard = (start: string) => until(() => learnerLog.some((line) => line.startsWith(start))); // prettier-ignore
        for (const name of ['absent', 'other'])
          await heard(`did not keep the episode ${name} of the robot raw: `);
        await heard('refused an offer of the robot raw: ');
        assert.deepEqual(await kept(learnerFolder), new Map());

        const good = await putEpisodes(episodes, names(1));
        const courier = await openRuntime();
        await until(() => courier.status().acknowledged === 1);
        assert.deepEqual(await kept(learnerFolder), good);
      },
      NATS,
    ));

  it('plays no adapter whose file is not there, or another than was announced, or of a strange parent', (t) =>
    withPlace(
      async ({ folder, address, adopted, learnerLog, runtimeLog, openLearner, openRuntime }) => {
        await openLearner();
        const courier = await openRuntime();
        await until(() => courier.status().connected);
        const nats = await connectNats({ address: NATS.as(address, 'raw') });
        t.after(() => nats.close());
        const want = async (adapter: Adapter, line: [string], damage?: (file: Buffer) => void) => {
          const path = join(folder, `${adapter.version}.out`);
          await writeAdapter(path, adapter);
          const file = await readFile(path);
          const sha256 = createHash('sha256').update(file).digest('hex');
          damage?.(file);
          if (damage) await nats.jetstream.publish(adapterPart(sha256, 0), file);
          const { version: name, base, trainable } = adapter;
          const text = writeMessage('wanted', { protocol: NATS_PROTOCOL, name, base, line, trainable, bytes: file.length, sha256 }); // prettier-ignore
          await nats.jetstream.publish(wantedSubject('robot'), text);
          await until(() => courier.status().refused?.includes(name) ?? false);
          assertSaid(courier.status().refused!, name);
          await until(() => learnerLog.some((said) => said.includes(name)));
          return runtimeLog.at(-1)!;
        };
        const reasons = [
          await want(randomAdapter(1), [BASE]),
          await want(randomAdapter(2), [BASE], (file) => (file[file.length - 5] ^= 4)),
          await want(randomAdapter(3), ['bbbbbbbbbbbb'], () => undefined),
        ];
        assert.equal(new Set(reasons.map((said) => said.replace(/[0-9a-f]{12,}/g, ''))).size, 3);
        assert.deepEqual(adopted, []);
        assert.equal(courier.status().version, BASE);
      },
      NATS,
    ));
});
