import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { digest } from '../../src/files/digest.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { ALL_OBJECTS, WORK, objectSubject } from '../../src/nats/workNames.ts';
import { makeNatsKeys } from '../../src/link/nats/keys.ts';
import { ownProcesses } from '../../src/rollouts/pool.ts';
import type { RolloutResult, RolloutSettings } from '../../src/rollouts/rolloutWorker.ts';
import { type WorkPlace, openWorkPlace } from '../../src/rollouts/workers/place.ts';
import { work } from '../../src/rollouts/workers/work.ts';
import { openWorkersPool } from '../../src/rollouts/workers/workersPool.ts';
import { alohaScene } from '../../src/sim/scene.ts';
import { simTasks } from '../../src/sim/tasks.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { collector } from '../cli/nalu.ts';
import { until } from '../link/link.ts';
import { NO_NATS, type NatsServer, withNats } from '../nats/server.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaidIn, isSaidIn } from '../refusals.ts';

/** A worker in this process, and what it has said. */
function startWorker(address: string, processes = 1, keys?: string) {
  const { stream, text } = collector();
  const stop = new AbortController();
  const ended = work({ address, keys, processes }, { out: stream, signal: stop.signal });
  return {
    said: text,
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

/** A server, a tiny policy in a folder, and the settings of its attempts. */
const withWork = (
  body: (server: NatsServer, folder: string, settings: RolloutSettings) => Promise<void>,
  config?: string,
) =>
  withNats(
    (server) =>
      withFolder(async (folder) => {
        const policy = join(folder, 'policy');
        await writeTinyAloha(policy);
        await body(server, folder, {
          ...{ policy, task: 'transfer-cube', trainable: { parameters: 'expert' } },
          integration: {},
        });
      }),
    config,
  );

/** Hashes of the objects at a server. */
async function objectsAt({ nats }: WorkPlace): Promise<string[]> {
  const { state } = await nats.manager.streams.info(WORK.objects, { subjects_filter: ALL_OBJECTS });
  return [...new Set(Object.keys(state.subjects ?? {}).map((one) => one.split('.')[2]))].sort();
}

/** Listens to a pool. */
function listener() {
  const lines: string[] = [];
  return { log: (line: string) => void lines.push(line), said: () => lines.join('\n') };
}

describe('attempts over NATS', { timeout: 240_000, skip: NO_NATS }, () => {
  it('are those that processes of this machine make, in the order of their seeds, through a restart of the server', () =>
    withWork(async (server, folder, settings) => {
      const { address } = server;
      const attempts = [3, 1, 2].map((seed) => ({
        seed,
        record: { folder, id: `attempt-${seed}` },
      }));
      const own: RolloutResult[] = [];
      const processes = ownProcesses(settings, 1);
      await processes.run(attempts.slice(0, 2), (result) => own.push(result));
      await processes.close();
      const chunks = async ({ episode }: RolloutResult) =>
        (await readEpisode(episode!)).chunks.map(({ actions }) => [...actions]);
      const played = await Promise.all(own.map(chunks));

      const { log, said } = listener();
      const pool = await openWorkersPool(settings, { address, log });
      const before = await openWorkPlace({ address, log: () => undefined });
      const policies = await objectsAt(before);
      await before.close();
      const made: RolloutResult[] = [];
      const running = pool.run(attempts, (result) => made.push(result));
      const worker = startWorker(address, 2);
      await until(() => /run \w+ of/.test(worker.said()));
      await server.kill();
      await server.restart();
      await running;
      assert.deepEqual(made.slice(0, 2), own);
      assert.deepEqual(made.map(({ seed }) => seed), [3, 1, 2]); // prettier-ignore
      assert.deepEqual(await Promise.all(made.slice(0, 2).map(chunks)), played);
      await pool.close();
      await until(() => /is over/.test(worker.said()));
      await worker.stop();
      assertSaidIn(assertSaidIn(said(), 'went away', 'trying again'), 'is back');

      // Nothing is left of it.
      const place = await openWorkPlace({ address, log });
      const left = await Promise.all(
        [WORK.jobs, WORK.results].map((stream) => place.nats.manager.streams.info(stream)),
      );
      const objects = await objectsAt(place);
      await place.close();
      assert.deepEqual(left.map(({ state }) => state.messages), [0, 0]); // prettier-ignore
      assert.deepEqual(objects, policies, 'policies alone');
    }));

  it('are made with the keys of a worker, which opens nothing else', () =>
    withFolder(async (keys) => {
      await makeNatsKeys(keys, ['a']);
      const users = await readFile(join(keys, 'users.conf'), 'utf8');
      const own = join(keys, 'worker');
      await withWork(async (server, folder, settings) => {
        const address = server.address.replace('//', '//worker@');
        const { log } = listener();
        const pool = await openWorkersPool(settings, { address, keys: own, log });
        const worker = startWorker(address, 1, own);
        const made: RolloutResult[] = [];
        const record = { folder, id: 'attempt' };
        await pool.run([{ seed: 1, record }], (result) => made.push(result));
        assert.equal((await readEpisode(made[0].episode!)).header.seed, 1);
        await worker.stop();
        await pool.close();
        assert.doesNotMatch(await server.log(), /Violation/);
      }, `jetstream { store_dir: "FOLDER/store" }\n${users}`);
    }));

  it('are left to others by a worker of another version or without the scene, which both sides say', () =>
    withWork(async ({ address }, folder, settings) => {
      const worker = startWorker(address);
      const scene = join(folder, 'scene.xml');
      await writeFile(scene, alohaScene(simTasks['transfer-cube'].objectsXml));
      const { log, said } = listener();
      const place = await openWorkPlace({ address, log });
      await place.runs.put('0123456789abcdef', JSON.stringify({ nalu: '0.0.0', more: 1 }));
      await until(() => isSaidIn(worker.said(), 'left to others', 'it is of Nalu 0.0.0'));
      await place.workers.put('old', JSON.stringify({ nalu: '0.0.0' }));
      await place.runs.put('nonsense', 'nonsense');

      const pool = await openWorkersPool({ ...settings, scene }, { address, log });
      await writeFile(scene, 'another');
      await worker.stop();
      const second = startWorker(address);
      await until(() => isSaidIn(second.said(), 'left to others', scene, 'another scene'));
      await until(() => isSaidIn(said(), 'makes no attempts', scene, 'another scene'));
      assertSaidIn(said(), 'worker old', 'Nalu 0.0.0');
      void pool.run([{ seed: 0 }], () => undefined).catch(() => undefined);
      await until(() => isSaidIn(said(), '1 attempts wait', 'no worker'));
      await second.stop();
      await pool.close();
      await place.close();
    }));

  it('are not made from an object that does not match its name', () =>
    withWork(async ({ address }, _, settings) => {
      const { log, said } = listener();
      const pool = await openWorkersPool(settings, { address, log });
      const place = await openWorkPlace({ address, log });
      const { sha256 } = await digest(join(settings.policy, 'model.safetensors'));
      assert.ok((await objectsAt(place)).includes(sha256));
      await place.nats.jetstream.publish(objectSubject(sha256, 0), 'something else');
      const worker = startWorker(address);
      await until(() => isSaidIn(worker.said(), 'left to others', 'does not have'));
      await until(() => isSaidIn(said(), 'makes no attempts', 'does not have'));
      await worker.stop();
      await pool.close();
      await place.close();
    }));

  it('end with a sentence where they fail wherever they are made, or the queue is full', () =>
    withWork(async ({ address }, folder, settings) => {
      const { log } = listener();
      const pool = await openWorkersPool(settings, { address, log });
      const damaged = join(folder, 'damaged.safetensors');
      await writeFile(damaged, await readFile(packagePath('models/aloha-mini/policy.json')));
      await pool.adopt(damaged);
      const worker = startWorker(address);
      await assertRejectsAbout(pool.run([{ seed: 7 }], () => undefined), { names: ['seed 7', 'adapter'] }); // prettier-ignore
      await worker.stop();

      const place = await openWorkPlace({ address, log });
      const { config } = await place.nats.manager.streams.info(WORK.jobs);
      await place.nats.manager.streams.update(WORK.jobs, { ...config, max_msgs: 1 }); // prettier-ignore
      await place.close();
      const many = [...Array(5).keys()].map((seed) => ({ seed }));
      await assertRejectsAbout(pool.run(many, () => undefined), { kind: 'invalid', names: ['maximum messages exceeded'] }); // prettier-ignore
      await pool.close();
    }));
});
