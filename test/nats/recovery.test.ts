import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { connectNats } from '../../src/nats/connect.ts';
import { writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { EPISODES } from '../../src/link/nats/subjects.ts';
import { openCourier } from '../../src/link/robot/courier.ts';
import { openLearnerPort } from '../../src/link/learner/learnerPort.ts';
import { withFolder } from '../onnx/run.ts';
import { BASE, NATS, kept, names, policy, putEpisodes, randomAdapter, until, withPlace } from '../link/link.ts'; // prettier-ignore
import { startRelay } from './relay.ts';
import { NO_NATS, forLeaves, freePort, leafOf, startNats } from './server.ts';

/** No test waits for it: it only ends what hangs. */
const LIMIT = { timeout: 300_000, skip: NO_NATS };
/** Milliseconds in which what is asked of a process has surely begun. */
const BEGUN = 200;

describe('the link over NATS when a connection breaks', LIMIT, () => {
  it('has the learner take at once what was delivered to it and lost', (t) =>
    withPlace(async ({ address, episodes, learnerFolder, openLearner, openRuntime }) => {
      const relay = await startRelay(address);
      t.after(() => relay.close());
      await openLearner({ address: NATS.as(relay.address, 'learner') });
      const courier = await openRuntime();
      await until(() => courier.status().connected);
      const nats = await connectNats({ address });
      t.after(() => nats.close());
      const consumer = async () => (await nats.manager.consumers.list(EPISODES).next())[0];
      relay.hush();
      const made = await putEpisodes(episodes, names(3));
      courier.notify();
      await until(async () => (await consumer()).num_ack_pending === 3);
      relay.cut();
      relay.mend();
      await until(() => courier.status().acknowledged === 3);
      assert.deepEqual(await kept(learnerFolder), made);
      const { delivered } = await consumer();
      assert.equal(delivered.consumer_seq, 3, 'taken anew, before the server gives it up for lost');
    }, NATS));

  it('has a version set that was being set meanwhile', (t) =>
    withPlace(async ({ folder, address, openLearner, openRuntime }) => {
      const relay = await startRelay(address);
      t.after(() => relay.close());
      const learner = await openLearner({ address: NATS.as(relay.address, 'learner') });
      const courier = await openRuntime();
      await until(() => courier.status().connected);
      const [adapter, file] = [randomAdapter(1), join(folder, 'next.safetensors')];
      await writeAdapter(file, adapter);
      relay.hush();
      const published = learner.publish(file, BASE);
      await setTimeout(BEGUN);
      relay.cut();
      relay.mend();
      assert.equal(await published, adapter.version);
      await until(() => courier.status().version === adapter.version);
    }, NATS));

  it('keeps an episode that is finished while the robot dials', (t) =>
    withPlace(
      async ({ address, episodes, learnerFolder, runtimeLog, openLearner, openRuntime }) => {
        const relay = await startRelay(address);
        t.after(() => relay.close());
        await openLearner();
        relay.hush();
        const courier = await openRuntime({ address: NATS.as(relay.address, 'robot') });
        const made = await putEpisodes(episodes, names(1));
        courier.notify();
        await setTimeout(BEGUN);
        relay.mend();
        await until(() => courier.status().acknowledged === 1);
        assert.deepEqual(await kept(learnerFolder), made);
        assert.deepEqual(runtimeLog, []);
      },
      NATS,
    ));
});

describe('a robot that dials a leaf server of its own', LIMIT, () => {
  it('hands episodes in and hears of versions, though the leaf is killed or its way to the server is cut', (t) =>
    withFolder(async (folder) => {
      const port = await freePort();
      const hub = await startNats(
        `jetstream { store_dir: "FOLDER/store", domain: hub }\n${forLeaves(port)}`,
      );
      t.after(() => hub.close());
      const relay = await startRelay(`nats://127.0.0.1:${port}`);
      t.after(() => relay.close());
      const leaf = await startNats(leafOf(relay.address));
      t.after(() => leaf.close());
      const [learnerFolder, episodes] = ['learner', 'episodes'].map((name) => join(folder, name));
      const silent = { log: () => undefined };
      const learner = await openLearnerPort({
        ...{ folder: learnerFolder, address: NATS.as(hub.address, 'learner'), policy, ...silent },
        onEpisode: () => undefined,
      });
      t.after(() => learner.close());
      const courier = await openCourier({
        ...{ episodes, adapters: join(folder, 'adapters'), policy, ...silent },
        address: NATS.as(leaf.address, 'robot'),
        onAdapter: () => Promise.resolve(),
      });
      t.after(() => courier.close());

      let [parent, count] = [BASE, 0];
      const breaks = {
        none: () => Promise.resolve(),
        leaf: () => leaf.kill(),
        way: () => Promise.resolve(relay.cut()),
      };
      const mends = { none: () => undefined, leaf: () => leaf.restart(), way: () => relay.mend() };
      for (const what of ['none', 'way', 'leaf'] as const) {
        await breaks[what]();
        await putEpisodes(episodes, names(2, what));
        courier.notify();
        const [adapter, file] = [randomAdapter(++count), join(folder, 'next.safetensors')];
        await writeAdapter(file, adapter);
        await learner.publish(file, parent);
        parent = adapter.version;
        await mends[what]();
        await until(() => courier.status().acknowledged === 2 * count);
        await until(() => courier.status().version === adapter.version);
      }
      assert.equal((await kept(learnerFolder)).size, 6);
    }));
});
