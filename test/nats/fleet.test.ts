import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startLearner } from '../../src/adapting/learnerProcess.ts';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { type Distribution, nextDistribution } from '../../src/learning/distribution.ts';
import type { FleetRobot } from '../../src/console/protocol.ts';
import { type Place, makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { movedFrom, placeReader } from '../../src/link/learner/places.ts';
import { isWorse } from '../../src/learning/versions.ts';
import { orderFleet } from '../../src/link/nats/fleetOrder.ts';
import { fleetReport } from '../../src/link/nats/fleetReport.ts';
import { readFleet } from '../../src/link/nats/fleetState.ts';
import { connectNats } from '../../src/nats/connect.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { successInterval } from '../../src/tensors/successRates.ts';
import { nalu } from '../cli/nalu.ts';
import { named, part, withLearner } from '../cli/learnerPlace.ts';
import { BATCH, changed, ended } from '../learning/attempts.ts';
import { randomAdapter, until } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';
import { NO_NATS, withNats } from './server.ts';

const HALF = BATCH / 2;
const LIMIT = { timeout: 240_000, skip: NO_NATS };
/** Milliseconds: longer than robots and learner are silent. */
const LISTEN = 1500;

const cells = (version: string, robot: string, attempts: number, successes: number) => ({
  ...{ version, robot, attempts, successes },
});

describe('a version on trial', () => {
  const present = ['a', 'b', 'c', 'd'];
  const before = [cells('old', 'a', 30, 27), cells('old', 'b', 40, 10)];
  const after = (now: Distribution, ...made: [string, number, number][]) =>
    nextDistribution(now, {
      ...{ version: 'new', present },
      attempts: [...before, ...made.map(([robot, ...counts]) => cells('new', robot, ...counts))],
    });
  const trial = (...robots: string[]) => ({ rest: 'old', trial: { version: 'new', robots } });

  it('goes to the robot of which most is known, then to half of them, then to all', () => {
    assert.deepEqual(after({ rest: 'old' }), trial('b'));
    assert.deepEqual(after(trial('b'), ['b', 19, 4]), trial('b'));
    assert.deepEqual(after(trial('b'), ['b', 20, 5]), trial('b', 'a'));
    assert.deepEqual(after(trial('b', 'a'), ['b', 25, 6], ['a', 15, 13]), { rest: 'new' });
  });

  it('is compared with what those robots did before, not with easier ones', () => {
    assert.deepEqual(after(trial('b'), ['b', 20, 5]), trial('b', 'a'));
    assert.equal(after(trial('a'), ['a', 20, 5]), 'worse');
  });

  it('mostly passes if it is as good, and goes back if it is far worse', () => {
    const draw = uniformNumbers(1);
    const share = (before: number, now: number) => {
      const TRIALS = 300;
      let back = 0;
      for (let trial = 0; trial < TRIALS; trial++) {
        const parent = { attempts: 60, successes: 0 };
        for (let i = 0; i < 60; i++) parent.successes += Number(draw() < before);
        const child = { attempts: 0, successes: 0 };
        while (child.attempts < 40 && !isWorse(child, parent)) {
          child.attempts += 1;
          child.successes += Number(draw() < now);
        }
        back += Number(isWorse(child, parent));
      }
      return back / TRIALS;
    };
    assert.ok(share(0.8, 0.8) < 0.17);
    assert.ok(share(0.8, 0.4) > 0.95);
  });

  it('goes to another robot where its own is gone, and to all where there is nothing to compare', () => {
    const without = { version: 'new', present: ['a', 'c'], attempts: before };
    assert.deepEqual(nextDistribution(trial('b'), without), trial('b', 'a'));
    const alone = { version: 'new', present: ['a'], attempts: before };
    assert.deepEqual(nextDistribution({ rest: 'old' }, alone), { rest: 'new' });
  });
});

describe("a robot's own place", () => {
  const view = (...shares: number[]) => ({ view: Float32Array.from(shares) });
  const begun = { ...view(0, 0.5), own: new Map([['left', view(0.25, 0)]]) };
  const now = {
    ...view(0, 0.5),
    own: new Map<string, Place>([
      ['left', { ...view(0.5, -0.125), offset: Float32Array.of(0, -0.25) }],
      ['right', view(0, 0.25)],
    ]),
  };

  it('is told as how far it is from where the policy began, for that robot or for all', () => {
    const moved = (robot: string) => movedFrom(begun, now, robot);
    assert.deepEqual(moved('left'), { view: [0.25, -0.125], offset: [0, -0.25] });
    assert.deepEqual(moved('right'), { view: [0, -0.25] });
    assert.deepEqual(moved('third'), {});
  });

  it('is read again where it could not be read before', () =>
    withFolder(async (folder) => {
      const fileOf = (version: string) => join(folder, version);
      const placeIn = placeReader(fileOf);
      await assertRejectsAbout(placeIn('next'), { kind: 'missing', subject: fileOf('next') });
      const { trainable, base, parameters } = randomAdapter(1);
      const adapter = makeAdapter({ trainable, base, parameters, ...view(0.25, 0) });
      await writeAdapter(fileOf('next'), adapter);
      assert.deepEqual((await placeIn('next')).view, adapter.view);
      await rm(fileOf('next'));
      assert.deepEqual((await placeIn('next')).view, adapter.view, 'once');
    }));

  it('is shown by what has moved most', () => {
    const robot = (name: string, moved?: FleetRobot['moved']) => ({
      ...{ name, isThere: true, isOnTrial: false, success: [], waiting: 0, moved },
    });
    const robots = [robot('left', movedFrom(begun, now, 'left')), robot('third')];
    const report = fleetReport({ learner: { isThere: true }, robots, versions: [], waiting: 0 });
    assert.match(report.join('\n'), /left .* 25\.0 % +0\.250 +0\n.*third .* – +– +0$/);
  });
});

describe('nalu fleet', LIMIT, () => {
  it('says that there is no learner where none has ever been', (t) =>
    withNats(async ({ address }) => {
      const nats = await connectNats({ address: named(address, 'Anna') });
      t.after(() => nats.close());
      await assertRejectsAbout(readFleet(nats, LISTEN), {
        kind: 'missing',
        subject: nats.address,
      });
    }));

  it('shows what the server knows, with and without a learner, and passes orders on', (t) =>
    withNats(({ address }) =>
      withLearner(
        async ({ attempts, learner, events, plays, hand, send, args, leave }) => {
          const nats = await connectNats({ address: named(address, 'Anna') });
          t.after(() => nats.close());
          const look = () => readFleet(nats, LISTEN);
          const batch = part(attempts, 0);
          await hand(batch.slice(0, HALF).map((episode, i) => ended(episode, i < 3)), 'cell-1'); // prettier-ignore
          await send(batch.slice(HALF).map((episode) => ended(episode, true)), 'cell-2'); // prettier-ignore
          const [published] = events;
          const [version, first] = 'parent' in published ? [published.version, published.parent] : []; // prettier-ignore
          await until(() => plays['cell-1'] === version && plays['cell-2'] === version);

          const fleet = await look();
          const { origin } = fleet.learner.status!;
          assert.ok(fleet.learner.isThere);
          const robot = {
            isThere: true,
            isOnTrial: false,
            plays: version,
            wanted: version,
            lastHeard: undefined,
          };
          assert.deepEqual(
            fleet.robots.map((one) => ({ ...one, lastHeard: undefined })),
            [
              { name: 'cell-1', ...robot, waiting: 0, success: [{ version: origin, attempts: HALF, successes: 3, interval: successInterval({ attempts: HALF, successes: 3 }) }] }, // prettier-ignore
              { name: 'cell-2', ...robot, waiting: 0, success: [{ version: origin, attempts: HALF, successes: HALF, interval: successInterval({ attempts: HALF, successes: HALF }) }] }, // prettier-ignore
            ],
          );
          assert.deepEqual(
            fleet.versions.map((one) => ({ ...one, interval: undefined })),
            [
              {
                version: origin,
                parent: null,
                rolledBack: false,
                attempts: BATCH,
                successes: 13,
                interval: undefined,
              },
              {
                version,
                parent: origin,
                rolledBack: false,
                attempts: 0,
                successes: 0,
                interval: undefined,
              },
            ],
          );

          const says = await orderFleet(nats, { act: 'pin', version: origin, robot: 'cell-2' });
          assertSaid(says, 'Anna', 'cell-2');
          await until(() => plays['cell-2'] === first);
          assert.equal(plays['cell-1'], version);
          await assertRejectsAbout(orderFleet(nats, { act: 'rollOut', version: version! }), {
            ...{ kind: 'unready', names: ['on trial'] },
          });
          const pinned = fleetReport(await look()).join('\n');
          assert.match(pinned, /cell-2 +now +\w+ +\w+ \(pinned by Anna\) +10 of 10, 72–100 %/);

          await learner.stop();
          await leave();
          const away = await look();
          assert.deepEqual(
            [away.learner.isThere, ...away.robots.map(({ isThere }) => isThere)],
            [false, false, false],
          );
          assert.deepEqual(
            away.robots.map(({ success }) => success),
            fleet.robots.map(({ success }) => success),
          );
          assertSaid(await orderFleet(nats, { act: 'pause' }, 1), 'waits on the server');
          const heard: string[] = [];
          const again = startLearner(args, { onEvent: ({ event }) => heard.push(event), onText: () => {} }); // prettier-ignore
          await until(() => heard.includes('paused'));
          await until(async () => (await look()).learner.status?.paused === 'Anna');
          await again.stop();
          const { code, out } = await nalu(['fleet', named(address, 'Anna'), '--json']);
          assert.equal(code, 0);
          assert.equal((JSON.parse(out) as typeof fleet).learner.status!.paused, 'Anna');
        },
        { address },
      ),
    ));

  it('has a new version tried by one robot first, which takes it back if it is worse', (t) =>
    withNats(({ address }) =>
      withLearner(
        async ({ bundle, attempts, events, plays, hand, learner }) => {
          const nats = await connectNats({ address: named(address, 'Anna') });
          t.after(() => nats.close());
          const as = (episodes: Episode[], version: string) =>
            episodes.map((episode) => changed(episode, { policyVersion: `${bundle.base}+${version}` })); // prettier-ignore
          const happened = (event: string) => events.filter((one) => one.event === event);
          const good = part(attempts, 0).map((episode, i) => ended(episode, i !== 3 && i !== 13));
          await hand(good.slice(0, HALF), 'cell-1');
          await hand(good.slice(HALF), 'cell-2');
          await until(() => happened('on trial').length === 1);
          const [trial] = happened('on trial');
          const [tried] = 'names' in trial ? trial.names : [];
          const version = 'version' in trial ? trial.version! : '';
          const other = tried === 'cell-1' ? 'cell-2' : 'cell-1';
          await until(() => plays[tried] === version);
          assert.notEqual(plays[other], version);

          const bad = as(part(attempts, 1), version).map((episode) => ended(episode, false));
          await hand(bad, tried);
          await until(() => happened('rolled back').length === 1);
          await until(() => plays[tried] !== version);
          const [back] = happened('rolled back');
          assert.match('by' in back ? back.by! : '', /^the trial at cell-/);

          // Those attempts all ended alike, and make no version; the next ones do.
          const first = plays[tried];
          await hand(as(part(attempts, 2).slice(0, HALF), first), tried);
          await hand(as(part(attempts, 2).slice(HALF), first), other);
          await until(() => happened('on trial').length === 2);
          const [, next] = happened('on trial');
          const second = 'version' in next ? next.version! : '';
          const says = await orderFleet(nats, { act: 'rollOut', version: second });
          assertSaid(says, 'Anna', 'all robots');
          await until(() => plays['cell-1'] === second && plays['cell-2'] === second);
          assert.equal(learner.version(), second);
        },
        { address, more: ['--trial'] },
      ),
    ));
});
