import assert from 'node:assert/strict';
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { type LearnerProcess, startLearner } from '../../src/adapting/learnerProcess.ts';
import type { LearnerEvent } from '../../src/learning/events.ts';
import { readRun } from '../../src/learning/learnerFolder.ts';
import { readOrders } from '../../src/learning/orders.ts';
import { folderAddress } from '../../src/link/wire/address.ts';
import { type Courier, openCourier } from '../../src/link/robot/courier.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import {
  BATCH,
  SETTINGS,
  changed,
  ended,
  giveAdapter,
  makeAttempts,
  nameOf,
  writeEpisode,
} from '../learning/attempts.ts';
import { type TestPage, openPage } from '../console/client.ts';
import { urlIn } from '../console/said.ts';
import { until } from '../link/link.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { withFolder } from '../onnx/run.ts';
import { nalu, spawnNalu } from './nalu.ts';
import { type Bundle } from '../../src/policy/bundle/config.ts';

/** A robot of three joints that nobody reaches. */
const CALIBRATION = `
name: tiny
controlRate: 50
arms:
  - { name: left, namespace: left, gripper: original, base: [0, 0, 0, 0] }
joints:
${['a', 'b', 'c']
  .map(
    (name) =>
      `  - { name: ${name}, arm: left, joint: ${name}, kind: arm, lower: -1, upper: 1, velocity: 1, home: 0, rest: 0 }`,
  )
  .join('\n')}
cameras:
  - { name: cam_high, width: 8, height: 8, mount: fixed, topic: /high }
  - { name: cam_wrist, width: 8, height: 8, mount: wrist, topic: /wrist }
workspace: { lower: [-1, -1, -1], upper: [1, 1, 1] }
`;

const LONG = { maxKl: 1e9, maxClipFraction: 1 };

/** A learner's folder with the episodes of an update, and the arguments of `nalu learn` there. */
async function withEpisodes(folder: string, change: object) {
  const [policy, at] = ['policy', 'learner'].map((name) => join(folder, name));
  const attempts = await makeAttempts(policy, BATCH);
  for (const [i, episode] of attempts.entries())
    await writeEpisode(join(at, 'episodes'), nameOf(i), episode);
  const [calibration, config] = ['calibration.yaml', 'fpo.yaml'].map((name) => join(folder, name));
  await writeFile(calibration, CALIBRATION);
  await writeFile(config, JSON.stringify({ ...SETTINGS, seed: undefined, ...change }));
  const args = [
    ...['learn', at, '--policy', policy, '--calibration', calibration, '--config', config],
    ...['--batch', String(BATCH), '--cores', 'shared'],
  ];
  return { args, at };
}

interface Place {
  bundle: Bundle;
  attempts: Episode[];
  learner: LearnerProcess;
  events: LearnerEvent[];
  /** Adapters that came, by version. */
  adopted: string[];
  /** Has a robot send episodes, named by their number; resolves when the learner has dealt with them all. */
  send: (episodes: Episode[], robot?: string) => Promise<void>;
}

/** A learner's process for the tiny policy, and a runtime's end of the link to it. */
const withLearner = (
  body: (place: Place) => Promise<void>,
  prepare: (policy: string) => Promise<void> = () => Promise.resolve(),
) =>
  withFolder(async (folder) => {
    const policy = join(folder, 'policy');
    const attempts = await makeAttempts(policy, 4 * BATCH);
    await prepare(policy);
    const [calibration, config] = ['calibration.yaml', 'fpo.yaml'].map((name) =>
      join(folder, name),
    );
    await writeFile(calibration, CALIBRATION);
    await writeFile(config, JSON.stringify(SETTINGS));
    const at = join(folder, 'learner');
    const events: LearnerEvent[] = [];
    const learner = startLearner(
      [
        at,
        ...['--policy', policy, '--calibration', calibration, '--config', config],
        ...['--batch', String(BATCH)],
      ],
      { onEvent: (event) => events.push(event), onText: (text) => process.stderr.write(text) },
    );
    const adopted: string[] = [];
    const bundle = await loadBundle(policy);
    const couriers = new Map<string, { courier: Courier; sent: number }>();
    const open = (robot: string) =>
      openCourier({
        episodes: join(folder, robot, 'episodes'),
        adapters: join(folder, robot, 'adapters'),
        address: folderAddress(at),
        policy: { ...bundle, trainable: SETTINGS.trainable },
        onAdapter: ({ version }) => Promise.resolve(void adopted.push(version)),
        log: () => undefined,
      });
    let sent = 0;
    const send = async (episodes: Episode[], robot = 'robot') => {
      const known = couriers.get(robot) ?? { courier: await open(robot), sent: 0 };
      couriers.set(robot, known);
      for (const episode of episodes)
        await writeEpisode(join(folder, robot, 'episodes'), nameOf(known.sent++), episode);
      known.courier.notify();
      sent += episodes.length;
      await learner.consumed(sent, new AbortController().signal);
    };
    try {
      await body({ bundle, attempts, learner, events, adopted, send });
    } finally {
      for (const { courier } of couriers.values()) await courier.close();
      await learner.stop();
    }
  });

const part = (attempts: Episode[], of: number) => attempts.slice(of * BATCH, (of + 1) * BATCH);

describe('nalu learn', { timeout: 300_000 }, () => {
  it('sends the parent again where a version proves worse, and goes on from it', () =>
    withLearner(async ({ bundle, attempts, learner, events, adopted, send }) => {
      await send(part(attempts, 0).map((episode, i) => ended(episode, i > 0)));
      await until(() => adopted.length === 1);
      const [version] = adopted;
      assert.equal(learner.version(), version);

      const signed = (of: number, by: string) =>
        part(attempts, of).map((episode) =>
          changed(episode, { policyVersion: `${bundle.base}+${by}` }),
        );
      await send(signed(1, version).map((episode) => ended(episode, false)));
      await until(() => adopted.length === 2);
      const [, parent] = adopted;
      assert.deepEqual(
        events.map((event) => event.event),
        ['published', 'rolled back'],
      );
      assert.equal(learner.version(), parent);

      await send(signed(2, parent));
      await until(() => adopted.length === 3);
      const last = events.at(-1)!;
      assert.equal('parent' in last && last.parent, parent);
    }));

  it('gives the robot the version that a person orders, and goes back where it is told to', () =>
    withLearner(async ({ attempts, learner, events, adopted, send }) => {
      await send(part(attempts, 0));
      await until(() => adopted.length === 1);
      const [second] = adopted;
      const [published] = events;
      const first = 'parent' in published ? published.parent : '';
      const pinned = await learner.order('pin', first, 'Anna');
      assert.match(pinned, /^Anna pinned version/);
      await until(() => adopted.length === 2);
      assert.equal(learner.version(), first);
      await learner.order('pin', null, 'Anna');
      await until(() => adopted.length === 3);
      await assert.rejects(learner.order('rollBack', 'none', 'Anna'), /has no version none/);
      await learner.order('rollBack', first, 'Anna');
      await until(() => adopted.length === 4 && events.at(-1)!.event === 'rolled back');
      assert.deepEqual(adopted, [second, first, second, first]);
      assert.deepEqual(events.at(-1), { ...events.at(-1), version: second, to: first, by: 'Anna' });
      assert.equal(learner.version(), first);

      await send(part(attempts, 1));
      await until(() => adopted.length === 5);
      const last = events.at(-1)!;
      assert.equal('parent' in last && last.parent, first);
    }));

  it('goes back as it was ordered from its page, though it is killed in the same moment', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, {});
      /** Visits the page of a learner until it is killed. */
      const live = async (visit: (page: TestPage) => Promise<void>) => {
        let visited: Promise<void> | undefined;
        let said = '';
        const { err } = await spawnNalu([...args, '--console', '0'], (child) =>
          child.stdout!.on('data', (text: Buffer) => {
            const url = urlIn((said += text.toString()));
            if (url === undefined) return;
            visited ??= openPage(url, { hello: { name: 'Anna' } })
              .then(visit)
              .finally(() => child.kill('SIGKILL'));
          }),
        );
        assert.equal(err, '');
        await visited;
      };
      let first: string | undefined;
      await live(async (page) => {
        await page.until(() => page.topics.learning?.versions.length === 2, 'a version', 120);
        first = page.topics.learning!.versions[0].version;
        const { ok, says } = await page.ask('rollBack', { version: first });
        assert.ok(ok, says);
      });
      await live(async (page) => {
        await page.until(
          () => page.topics.learning?.versions[1]?.state === 'rolled back',
          'it',
          60,
        );
        assert.equal(page.topics.learning!.plays, first);
        assert.match(page.topics.learning!.log.at(-1)!.text, /^Anna took version/);
      });
      assert.deepEqual(await readOrders(at), {});
      assert.equal((await readRun(at))!.current, first);
    }));

  it('learns from each of two episodes of one name', () =>
    withLearner(async ({ attempts, events, send }) => {
      await send(part(attempts, 0), 'one');
      await send(part(attempts, 1), 'other');
      assert.deepEqual(
        events.map((event) => event.event),
        ['published', 'published'],
      );
    }));

  it('improves a policy that has an adapter already', () =>
    withLearner(async ({ attempts, learner, adopted, send }) => {
      await send(part(attempts, 0));
      await until(() => adopted.length === 1);
      assert.equal(learner.version(), adopted[0]);
    }, giveAdapter));

  it('ends at the first signal while an update is under way', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, { epochs: 1e9, trustRegion: LONG });
      const { code, out, err } = await spawnNalu(args, (child) => {
        const stop = async () => {
          await until(async () => (await readdir(at)).includes('begun.json'));
          await setTimeout(500);
          child.kill('SIGTERM');
        };
        void stop();
      });
      assert.equal(err, '');
      assert.match(out, /stopped by hand; the same command goes on from here\n$/);
      assert.equal(code, 130);
    }));

  it('goes on in its folder alone as it was begun there, and without a line that was cut off', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, {});
      /** Learns here until it waits for the next update. */
      const untilUpdated = () => {
        const stop = new AbortController();
        const onOutput = (text: string) => {
          if (/goes to the robot|for the next update|over ipc.*an update/.test(text)) stop.abort();
        };
        return nalu(args, { signal: stop.signal, onOutput });
      };
      assert.equal((await untilUpdated()).code, 130);
      await appendFile(join(at, 'log.jsonl'), '{"time":"2026-01-01T00:00:00.000Z","event":"publ');
      const again = await untilUpdated();
      assert.equal(again.code, 130);
      assert.match(again.out, /log\.jsonl: its last line was cut off and is passed over/);
      const others: [string[], RegExp][] = [
        [[...args, '--seed', '7'], /--seed: 0 then, 7 now/],
        [
          args.map((arg) => (arg.endsWith('calibration.yaml') ? SIM_CALIBRATION : arg)),
          /robot's name \(--calibration\): tiny then, aloha now/,
        ],
      ];
      for (const [other, difference] of others) {
        const { code, err } = await nalu(other);
        assert.match(err, difference);
        assert.equal(code, 1);
      }
    }));

  it('says in a sentence what cannot be made, and ends', () =>
    withFolder(async (folder) => {
      const { args, at } = await withEpisodes(folder, {});
      const refused = async (reason: RegExp, more: string[] = []) => {
        const { code, err } = await nalu([...args, ...more]);
        assert.match(err, reason);
        assert.equal(err.trim().split('\n').length, 1, err);
        assert.equal(code, 1);
      };
      await writeFile(join(folder, 'file'), '');
      await refused(/^nalu: .*there is no port 99999/, ['--address', 'tcp://127.0.0.1:99999', '--keys', folder]); // prettier-ignore
      await rm(join(at, 'episodes'), { recursive: true });
      await writeFile(join(at, 'episodes'), 'a file');
      await refused(/^nalu: .*episodes/);
      args[1] = join(folder, 'file');
      await refused(/^nalu: .*file: cannot be made: /);
      args[1] = join(folder, 'file', 'learner');
      await refused(/^nalu: .*file.*cannot be made: /);
    }));
});
