import assert from 'node:assert/strict';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeNatsKeys } from '../../src/link/nats/keys.ts';
import { type Nats, connectNats } from '../../src/nats/connect.ts';
import { writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { nalu } from '../cli/nalu.ts';
import { BASE, NATS, kept, putEpisodes, randomAdapter, until, withPlace } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertRejectsAbout } from '../refusals.ts';
import { NO_NATS, startNats, withNats } from './server.ts';

const LIMIT = { timeout: 60_000, skip: NO_NATS };

/** A server's configuration by the keys in a folder. */
const configOf = async (keys: string) =>
  `jetstream { store_dir: "FOLDER/store" }\n${await readFile(join(keys, 'users.conf'), 'utf8')}`;

/** What the server said against something that was done; undefined if nothing. */
async function refusalOf(
  { address, keys, name }: { address: string; keys: string; name: string },
  act: (nats: Nats) => unknown,
): Promise<string | undefined> {
  let refusal: string | undefined;
  const nats = await connectNats({
    address: address.replace('//', `//${name}@`),
    keys: join(keys, name),
    onForbidden: (what) => (refusal = what),
  });
  act(nats);
  // The server answers in order: its refusal comes before the second of these.
  for (let i = 0; i < 2; i++) await nats.connection.flush();
  await nats.close();
  return refusal;
}

const says = (subject: string) => ({
  what: `publish ${subject}`,
  act: ({ connection }: Nats) => connection.publish(subject, ''),
});
const hears = (subject: string) => ({
  what: `subscribe to ${subject}`,
  act: ({ connection }: Nats) => {
    connection.subscribe(subject, { callback: () => undefined });
  },
});

const SHA = 'a'.repeat(64);
const MAY = {
  a: [
    ...['nalu.robot.a.hello', 'nalu.robot.a.health', 'nalu.robot.a.event'].map(says),
    ...['nalu.episode.a.key', `nalu.part.a.${SHA}.0`].map(says),
    ...[
      '$JS.API.DIRECT.GET.KV_nalu-policy.$KV.nalu-policy.a',
      `$JS.API.DIRECT.GET.nalu-adapters.nalu.adapter.${SHA}.0`,
    ].map(says),
    ...['nalu.learner.beat', 'nalu.robot.a.answer', '$KV.nalu-policy.a'].map(hears),
  ],
  watcher: [
    ...['nalu.robot.*.health', 'nalu.robot.*.event', '$KV.nalu-policy.>'].map(hears),
    says('$JS.API.DIRECT.GET.KV_nalu-policy.$KV.nalu-policy.a'),
  ],
  operator: [says('$KV.nalu-fleet.order'), hears('$KV.nalu-fleet.answer')],
  learner: [
    ...['nalu.>', '_INBOX.learner.x'].map(hears),
    ...['nalu.learner.beat', 'nalu.robot.b.answer', '$KV.nalu-policy.b'].map(says),
    says('$JS.API.STREAM.NAMES'),
  ],
};
const MAY_NOT = {
  a: [
    ...['nalu.robot.b.health', 'nalu.episode.b.key', `nalu.part.b.${SHA}.0`].map(says),
    ...['nalu.learner.beat', 'nalu.robot.a.answer', '$KV.nalu-policy.a'].map(says),
    ...['$JS.API.STREAM.DELETE.nalu-episodes', '$JS.API.STREAM.PURGE.nalu-parts'].map(says),
    ...['$JS.API.DIRECT.GET.KV_nalu-policy.$KV.nalu-policy.b', 'nalu.adapter.x.0'].map(says),
    ...['$JS.API.CONSUMER.CREATE.nalu-episodes', '$JS.API.DIRECT.GET.nalu-parts'].map(says),
    ...['nalu.>', 'nalu.robot.b.answer', '$KV.nalu-policy.b', '_INBOX.>'].map(hears),
    ...['nalu.part.b.>', 'nalu.episode.>', '_INBOX.b.>'].map(hears),
  ],
  watcher: [
    ...['nalu.robot.a.health', 'nalu.robot.a.hello', 'nalu.episode.watcher.key'].map(says),
    ...['nalu.learner.beat', '$KV.nalu-policy.a', '$JS.API.STREAM.PURGE.nalu-parts'].map(says),
    ...['nalu.part.>', 'nalu.episode.>', '_INBOX.>'].map(hears),
    says('$KV.nalu-fleet.order'),
  ],
  operator: ['$KV.nalu-fleet.learner', '$KV.nalu-policy.a', 'nalu.robot.a.health'].map(says),
  worker: [
    ...['nalu.robot.a.health', 'nalu.episode.a.key', '$KV.nalu-policy.a'].map(says),
    ...['$JS.API.STREAM.PURGE.nalu-parts', '$KV.nalu-fleet.order'].map(says),
    ...['nalu.>', 'nalu.robot.*.health', '_INBOX.a.>'].map(hears),
  ],
  learner: [hears('_INBOX.a.>'), hears('>'), says('something.else')],
};

describe('nalu keys --nats', LIMIT, () => {
  it('makes users and a configuration, adds robots, and overwrites no key', () =>
    withFolder(async (folder) => {
      const keys = join(folder, 'keys');
      const first = await nalu(['keys', keys, '--nats', '--robot', 'a', 'b']);
      assert.equal(first.code, 0, first.err);
      assert.deepEqual(
        (await readdir(keys)).sort(),
        ['a', 'b', 'learner', 'operator', 'server.conf', 'users.conf', 'watcher', 'worker'].sort(),
      );
      for (const name of ['a', 'b', 'learner', 'operator', 'watcher', 'worker'])
        assert.equal((await stat(join(keys, name, 'user.nk'))).mode & 0o077, 0);
      const before = await readFile(join(keys, 'a', 'user.pub'), 'utf8');
      const again = await nalu(['keys', keys, '--nats', '--robot', 'c', 'a']);
      assert.equal(again.code, 1);
      assertAbout(again.failure, { kind: 'exists', subject: 'a/user.pub' });
      assert.deepEqual(await makeNatsKeys(keys, ['c']), ['c/user.nk', 'c/user.pub', 'users.conf']);
      const users = await readFile(join(keys, 'users.conf'), 'utf8');
      assert.equal(users.match(/nkey: U/g)?.length, 7);
      assert.ok(users.includes(before.trim()));
      for (const subject of ['learner', 'a.b'])
        await assertRejectsAbout(makeNatsKeys(keys, [subject]), { kind: 'invalid', subject });
      const alone = await nalu(['keys', join(folder, 'other'), '--robot', 'a']);
      assertAbout(alone.failure, { kind: 'unsaid', subject: '--robot', fields: ['--nats'] });
    }));

  it('lets each user do what is its own, and nothing else', () =>
    withFolder(async (keys) => {
      await makeNatsKeys(keys, ['a', 'b']);
      await withNats(
        async (server) => {
          const { address } = server;
          for (const [name, acts] of Object.entries(MAY))
            for (const { what, act } of acts)
              assert.equal(
                await refusalOf({ address, keys, name }, act),
                undefined,
                `${name}: ${what}`,
              );
          for (const [name, acts] of Object.entries(MAY_NOT))
            for (const { what, act } of acts) {
              const refusal = await refusalOf({ address, keys, name }, act);
              assert.ok(refusal?.includes(`does not let this user ${what};`), `${name}: ${what}`);
            }
          assert.match(await server.log(), /Publish Violation.*nalu\.episode\.b\.key/);
        },
        await configOf(keys),
      );
    }));

  it('lets episodes and adapters pass between robots and learner with keys', () =>
    withFolder(async (keys) => {
      await makeNatsKeys(keys, ['a', 'b']);
      const config = await configOf(keys);
      const maker = { ...NATS, open: async () => {
        const server = await startNats(config);
        return { address: server.address, server };
      } }; // prettier-ignore
      await withPlace(async (place) => {
        const { folder, episodes, learnerFolder, openLearner, openRuntime, runtimeLog } = place;
        const sent = await putEpisodes(episodes, ['one'], 1_200_000);
        const port = await openLearner({ keys: join(keys, 'learner') });
        const courier = await openRuntime({ keys: join(keys, 'a') }, 'a');
        await until(() => courier.status().acknowledged === 1);
        assert.deepEqual(await kept(learnerFolder), sent);
        const adapter = randomAdapter(1);
        const file = join(folder, 'adapter.out');
        await writeAdapter(file, adapter);
        await port.publish(file, BASE);
        await until(() => courier.status().version === adapter.version);

        const stranger = await openRuntime(
          { keys: join(keys, 'b'), adapters: join(folder, 'b'), episodes: join(folder, 'be') },
          'a',
        );
        await until(() => runtimeLog.some((line) => line.includes('does not let this user')));
        assert.equal(stranger.status().connected, false);
      }, maker);
    }));
});
