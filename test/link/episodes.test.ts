import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MOST_MESSAGE_BYTES, PART_BYTES, PROTOCOL } from '../../src/link/wire/protocol.ts';
import { mountSmallDisk } from '../episodes/smallDisk.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { MAKERS, type Place, kept, names, putEpisodes, until, withPlace } from './link.ts';
import { hello, rawLearner, rawRuntime } from './raw.ts';

const LIMIT = { timeout: 300_000 };
const MEBIBYTE = 2 ** 20;

for (const maker of MAKERS) {
  const at = (body: (place: Place) => Promise<void>) => withPlace(body, maker);

  describe(
    `episodes on their way to the learner over ${maker.name}`,
    { ...LIMIT, skip: maker.skip },
    () => {
      it('arrive, whole, those of before and those of later', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime, heard }) => {
          const before = await putEpisodes(episodes, names(3, 'before'));
          const large = await putEpisodes(episodes, ['large'], 3_500_000);
          const even = await putEpisodes(episodes, ['even'], 2 * PART_BYTES);
          await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 5);
          const later = await putEpisodes(episodes, ['später']);
          courier.notify();
          await until(() => courier.status().acknowledged === 6);
          assert.deepEqual(
            await kept(learnerFolder),
            new Map([...before, ...even, ...large, ...later].sort(([a], [b]) => (a < b ? -1 : 1))),
          );
          await until(() => heard.length === 6);
          assert.equal(courier.status().pending, 0);
          assert.equal(courier.status().lastError, null);
        }));

      it('wait on the disk, and are counted, for a learner that is absent for a hundred of them', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime, runtimeLog }) => {
          const port = await openLearner();
          const courier = await openRuntime();
          const first = await putEpisodes(episodes, names(1, 'a'));
          courier.notify();
          await until(() => courier.status().acknowledged === 1);
          await port.close();
          await until(() => !courier.status().connected && runtimeLog.length > 0);
          assertSaid(runtimeLog.join('\n'), 'went away');
          const absent = await putEpisodes(episodes, names(100, 'b'));
          courier.notify();
          await until(() => courier.status().pending === 100);
          await openLearner();
          await until(() => courier.status().acknowledged === 101);
          assert.deepEqual(await kept(learnerFolder), new Map([...first, ...absent]));
        }));

      it('are not offered again after they were acknowledged, whichever side restarts', () =>
        at(async ({ episodes, openLearner, openRuntime, heard }) => {
          await putEpisodes(episodes, names(3));
          const port = await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 3);
          await courier.close();
          await port.close();
          await openLearner();
          const again = await openRuntime();
          assert.deepEqual([again.status().pending, again.status().acknowledged], [0, 3]);
          await until(() => again.status().connected);
          assert.equal(heard.length, 3);
        }));

      it('count once, though the acknowledgement was lost and the learner has moved them since', () =>
        at(async ({ episodes, learnerFolder, openLearner, openRuntime, heard }) => {
          await putEpisodes(episodes, names(3));
          const port = await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 3);
          await courier.close();
          await rm(join(episodes, 'acknowledged.txt'));
          await rm(join(learnerFolder, 'episodes', 'episode-0001.mcap'));
          const again = await openRuntime();
          await until(() => again.status().acknowledged === 3);
          await port.close();
          assert.equal(heard.length, 3);
          assert.deepEqual(
            [...(await kept(learnerFolder)).keys()],
            ['episode-0000', 'episode-0002'],
          );
        }));

      it('are offered again if a kill cut the note of their acknowledgement off', () =>
        at(async ({ episodes, openLearner, openRuntime }) => {
          await putEpisodes(episodes, names(2));
          await openLearner();
          const courier = await openRuntime();
          await until(() => courier.status().acknowledged === 2);
          await courier.close();
          const ledger = join(episodes, 'acknowledged.txt');
          const before = await readFile(ledger, 'utf8');
          await appendFile(ledger, 'episode-00');
          await putEpisodes(episodes, ['episode-0002']);
          const again = await openRuntime();
          await until(() => again.status().acknowledged === 3);
          const after = await readFile(ledger, 'utf8');
          assert.ok(after.startsWith(before));
          assert.match(after.slice(before.length), /^episode-0002\t3000\t\d+\n$/);
        }));

      it('come from several robots, which may give two of them the same name', () =>
        at(async ({ folder, learnerFolder, openLearner, openRuntime }) => {
          await openLearner();
          const contents: Buffer[] = [];
          for (const robot of ['a', 'b']) {
            const episodes = join(folder, robot);
            const [content] = (await putEpisodes(episodes, ['one'], 5000)).values();
            contents.push(content);
            const courier = await openRuntime(
              {
                episodes,
                adapters: join(folder, `${robot}-adapters`),
              },
              robot,
            );
            await until(() => courier.status().acknowledged === 1);
          }
          const hash = createHash('sha256').update(contents[1]).digest('hex').slice(0, 12);
          assert.deepEqual(
            await kept(learnerFolder),
            new Map([`one-${hash}`, 'one'].map((name, i) => [name, contents[1 - i]])),
          );
        }));

      it('are kept once there is room again on a full disk', async (t) =>
        at(async (place) => {
          const { folder, episodes, openLearner, openRuntime, learnerLog, runtimeLog } = place;
          const disk = await mountSmallDisk(join(folder, 'small'), 2 * MEBIBYTE);
          if (!disk) return t.skip('no disk may be mounted here');
          try {
            const sent = await putEpisodes(episodes, names(3), 900_000);
            const port = await openLearner({ folder: disk.path });
            const courier = await openRuntime();
            await until(() => courier.status().acknowledged === 2 && learnerLog.length > 0);
            await until(() => runtimeLog.length > 0);
            assertSaid(learnerLog[0], join(disk.path, 'incoming'), 'disk is full', 900_000);
            assertSaid(runtimeLog[0], 'offered again', 'disk is full');
            assert.ok(courier.status().connected);
            const there = await kept(disk.path);
            for (const [name, content] of there) assert.deepEqual(content, sent.get(name));
            await rm(join(disk.path, 'episodes', `${[...there.keys()][0]}.mcap`));
            await until(() => courier.status().acknowledged === 3);
            assert.deepEqual(await readdir(join(disk.path, 'incoming')), []);
            await port.close();
          } finally {
            await disk.unmount();
          }
        }));

      it('refuses the robot that plays another policy; both say so', () =>
        at(async ({ openLearner, openRuntime, learnerLog, runtimeLog }) => {
          await openLearner({ policy: { base: 'bbbbbbbbbbbb', version: 'bbbbbbbbbbbb' } });
          const courier = await openRuntime();
          const said = () => [runtimeLog[0], learnerLog[0], courier.status().lastError];
          await until(() => said().every(Boolean));
          for (const line of said()) assertSaid(line!, 'aaaaaaaaaaaa', 'bbbbbbbbbbbb');
        }));

      it('lets no second learner take its place', () =>
        at(async ({ folder, address, openLearner }) => {
          await openLearner();
          const taken = maker.as(address, 'other');
          await assertRejectsAbout(openLearner({ folder: join(folder, 'other'), address: taken }), {
            ...{ kind: 'unready', subject: taken },
          });
        }));
    },
  );
}

describe('the learner', LIMIT, () => {
  it('keeps no episode whose bytes are not those announced', () =>
    withPlace(async ({ learnerFolder, openLearner, learnerLog }) => {
      const { address } = await openLearner();
      const robot = rawRuntime(address);
      await robot.say(hello());
      await robot.hear('welcome');
      await robot.say({ kind: 'offer', name: 'one', bytes: 3, sha256: '0'.repeat(64), labels: [] });
      await robot.hear('want');
      const part = { kind: 'part', what: 'episode', name: 'one', offset: 0 } as const;
      await robot.say(part, Buffer.from('abc'));
      assertSaid((await robot.hear('notKept')).why, 'announced 000000000000…');
      assert.equal((await kept(learnerFolder)).size, 0);
      assertSaid(learnerLog[0], 'the episode one');
      robot.close();
    }));

  it('takes no name that leads out of its folder, and nothing that is no message', () =>
    withPlace(async ({ openLearner }) => {
      const { address } = await openLearner();
      for (const [say, ...names] of [
        [{ ...hello(), base: '../../etc/x' }, 'base'],
        [{ kind: 'offer', name: '..', bytes: 1, sha256: 'f'.repeat(64) }, 'name'],
        [{ kind: 'dance' }, 'kind'],
        [hello({ protocol: PROTOCOL + 1 }), 'protocol 3', 2],
      ] as const) {
        const robot = rawRuntime(address);
        await robot.say(say as ReturnType<typeof hello>);
        assertSaid((await robot.hear('refused')).why, ...names);
        robot.close();
      }
      const noise = rawRuntime(address);
      await noise.sayFrames([Buffer.of(0xc1, 0xff)]);
      assertSaid((await noise.hear('refused')).why, 'msgpack');
      await noise.sayFrames([Buffer.alloc(MOST_MESSAGE_BYTES + 1)]);
      await noise.say(hello());
      await noise.hear('welcome');
      noise.close();
    }));

  it('asks who says nothing of itself for a hello', () =>
    withPlace(async ({ openLearner }) => {
      const { address } = await openLearner();
      const robot = rawRuntime(address);
      await robot.say({ kind: 'ping' });
      await robot.hear('stranger');
      robot.close();
    }));

  it('opens its socket to its own user alone', () =>
    withPlace(async ({ address, openLearner }) => {
      await openLearner();
      assert.equal((await stat(address.replace('ipc://', ''))).mode & 0o777, 0o600);
    }));
});

describe('the runtime', LIMIT, () => {
  it('says that a learner speaks another protocol, and tries again', () =>
    withPlace(async ({ folder, openRuntime, runtimeLog }) => {
      const address = `ipc://${join(folder, 'other.sock')}`;
      const why =
        'it speaks protocol 1, this side speaks 9; install the same version of Nalu on both';
      const learner = await rawLearner(address, ({ kind }) =>
        kind === 'hello' ? [{ message: { kind: 'refused', why } }] : [],
      );
      const courier = await openRuntime({ address });
      await until(() => learner.heard.filter(({ kind }) => kind === 'hello').length > 2);
      assert.deepEqual(runtimeLog, [`the learner at ${address} refused this runtime: ${why}`]);
      assert.equal(courier.status().connected, false);
      learner.close();
    }));

  it('gives the learner no other file than the episode on offer', () =>
    withPlace(async ({ folder, episodes, openRuntime }) => {
      await putEpisodes(episodes, ['one']);
      const address = `ipc://${join(folder, 'other.sock')}`;
      const want = (name: string) =>
        ({ message: { kind: 'want', what: 'episode', name, offset: 0 } }) as const;
      const learner = await rawLearner(address, ({ kind }) => {
        if (kind === 'hello') return [{ message: { kind: 'welcome' } }];
        return kind === 'offer' ? [want('two'), want('one')] : [];
      });
      await openRuntime({ address });
      await until(() => learner.heard.some(({ kind }) => kind === 'part'));
      const parts = learner.heard.filter((message) => message.kind === 'part');
      assert.deepEqual(
        parts.map(({ name }) => name),
        ['one'],
      );
      learner.close();
    }));
});
