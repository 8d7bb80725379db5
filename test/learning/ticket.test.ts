import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { labelEpisode } from '../../src/episodes/labels.ts';
import type { Outcome } from '../../src/episodes/outcome.ts';
import { stateFile } from '../../src/learning/learnerFolder.ts';
import { describeEvent } from '../../src/learning/learnReport.ts';
import type { Learner } from '../../src/learning/learner.ts';
import { readLearning } from '../../src/learning/learningTopic.ts';
import type { Tried } from '../../src/learning/metrics.ts';
import { candidatesOf, counted, nextTickets } from '../../src/learning/ticket/race.ts';
import { ticketSearch } from '../../src/learning/ticket/ticket.ts';
import { makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { ADAPTER_FILE, copyBundle, loadBundle } from '../../src/policy/bundle/bundle.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { ignoresNoise } from '../../src/policy/families/registry.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { type Ticket, type Tickets, ticketNoise } from '../../src/policy/ticket.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../src/tensors/safetensors.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaid } from '../refusals.ts';
import { BATCH, SETTINGS, changed, ended, makeAttempts, nameOf, openTinyLearner, startingAdapter, writeEpisode } from './attempts.ts'; // prettier-ignore
import { JOINTS, SESSION } from './bandit.ts';
import { tinyBundle } from './tiny.ts';

const { trainable } = SETTINGS;
const { horizon, actionDim } = tinyBundle.architecture;
const NUMBERS = horizon * actionDim;

const untried = (tickets: readonly Ticket[]): Tried[] =>
  tickets.map((ticket) => ({ ticket, attempts: 0, successes: 0 }));

/** A race of 144 attempts, 16 a version, over tickets of these rates of success, the first of which is in play. */
function race(rates: readonly number[], draw: () => number) {
  const candidates = rates.map((_, i) => i);
  let tried = untried(candidates);
  let current: Tickets = {};
  const versions = Array.from({ length: 9 }, () => {
    const { ticket = 0, tickets = [ticket] } = current;
    const plays = Array.from({ length: 16 }, (_, attempt) => {
      const played = tickets[attempt % tickets.length];
      return { ticket: played, reward: Number(draw() < rates[played]) };
    });
    tried = counted(tried, plays);
    current = nextTickets(tried, current);
    return current;
  });
  return { versions, tried };
}

describe('the race of tickets', () => {
  it('finds good tickets among 16 in 144 attempts, and never plays one that was hardly tried', () => {
    const draw = uniformNumbers(7);
    const RACES = 300;
    let [best, rate, mean] = [0, 0, 0];
    for (let i = 0; i < RACES; i++) {
      const rates = Array.from({ length: 16 }, () => 0.1 + 0.7 * draw());
      const { versions, tried } = race(rates, draw);
      const { ticket } = versions.at(-1)!;
      assert.ok(tried[ticket!].attempts >= 4);
      for (const version of versions.slice(0, 3)) assert.equal(version.ticket, 0);
      best += Number(rates[ticket!] === Math.max(...rates)) / RACES;
      rate += rates[ticket!] / RACES;
      mean += rates.reduce((a, b) => a + b) / 16 / RACES;
    }
    // By chance one of sixteen, and the mean.
    assert.ok(best > 0.3, `the best one in ${best} of the races`);
    assert.ok(rate > mean + 0.2, `${rate} where the mean is ${mean}`);
  });

  it('halves as attempts come in, and takes a ticket back when those ahead turn out worse', () => {
    const draw = uniformNumbers(3);
    const { versions } = race(
      Array.from({ length: 16 }, (_, i) => (i === 5 ? 0.95 : 0.3)),
      draw,
    );
    const sizes = versions.map(({ tickets = [] }) => tickets.length);
    assert.deepEqual(sizes, [16, 16, 8, 8, 4, 4, 2, 2, 0]);
    assert.equal(versions.at(-1)!.ticket, 5);

    const tried = untried([0, 1]).map((one, i) => ({ ...one, attempts: 10, successes: 6 - i }));
    assert.deepEqual(nextTickets(tried, {}), { ticket: 0 });
    const worse = counted(tried, new Array(10).fill({ ticket: 0, reward: 0 }));
    assert.deepEqual(nextTickets(worse, { ticket: 0 }), { ticket: 1 });
  });

  it('has other random tickets for every seed, and zero noise or the one in play among them', () => {
    const [one, other, large] = [0, 1, 2 ** 53 - 1].map((seed) => candidatesOf(0, seed));
    assert.equal(new Set([...one, ...other, ...large]).size, 3 * 15 + 1);
    assert.ok([one, other, large].every((tickets) => tickets[0] === 0 && tickets.length === 16));
    assert.ok(large.every(Number.isSafeInteger));
    assert.equal(new Set(candidatesOf(3, 0)).size, 15);
  });
});

describe('the search for a ticket', { timeout: 120_000 }, () => {
  let root: string;
  let bundle: string;
  let attempts: Episode[];
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'nalu-ticket-'));
    bundle = join(root, 'policy');
    attempts = await makeAttempts(bundle, BATCH);
  });
  after(() => rm(root, { recursive: true }));

  const open = (folder: string) => openTinyLearner(folder, bundle, {}, ticketSearch(trainable, 1));
  const adapterOf = async (learner: Learner) =>
    readAdapter(learner.current().file, { ...(await loadBundle(bundle)), trainable });
  /** Of the seed. */
  const candidates = candidatesOf(0, 1);
  const [, GOLDEN] = candidates;

  /** An update of attempts that play a version's tickets in turn; those of the golden one succeed. */
  async function advance(
    learner: Learner,
    folder: string,
    succeeds = (ticket: Ticket) => ticket === GOLDEN,
  ) {
    const { ticket = 0, tickets = [ticket] } = await adapterOf(learner);
    const from = learner.consumed();
    for (const [i, episode] of attempts.entries()) {
      const id = nameOf(from + i);
      const played = tickets[(from + i) % tickets.length];
      const noise = ticketNoise(played, NUMBERS);
      const one = ended(changed(episode, { noise }), succeeds(played));
      learner.add({ id, path: await writeEpisode(join(folder, 'episodes'), id, one) });
    }
    const [event] = (await learner.advance())!;
    return event;
  }

  it('comes to play the ticket with which attempts succeed, and goes on from its folder', () =>
    withFolder(async (folder) => {
      const first = await open(folder);
      const begun = await adapterOf(first);
      assert.deepEqual([begun.ticket, begun.tickets], [undefined, undefined], 'as it came');
      assert.equal((await advance(first, folder)).event, 'published');
      assert.deepEqual((await adapterOf(first)).tickets, candidates);
      await first.close();

      const through = await open(folder);
      const said: string[] = [];
      for (let update = 0; update < 7; update++)
        said.push(describeEvent(await advance(through, folder)));
      const { ticket, tickets, parameters } = await adapterOf(through);
      assert.deepEqual([ticket, tickets], [GOLDEN, undefined], 'the race is over');
      assert.deepEqual(parameters, begun.parameters, 'the network stays');
      assertSaid(said[1], 17, 'zero noise', 8);
      const { race } = await readLearning(folder);
      assert.equal(race!.update, 8);
      assert.deepEqual(race!.tickets.map((one) => one.ticket).sort(), [...candidates].sort());
      const [best] = race!.tickets;
      assert.deepEqual([best.ticket, best.isChosen, best.successes], [GOLDEN, true, best.attempts]);
      assert.ok(race!.tickets.every((one) => !one.isRunning && one.isChosen === (one === best)));
      const attempted = race!.tickets.reduce((sum, one) => sum + one.attempts, 0);
      assert.equal(attempted, 8 * BATCH);
      for (const text of said) assertSaid(text);
      await through.close();
    }));

  /** How a ticket stands on the page. */
  const standingOf = async (folder: string, ticket: Ticket) =>
    (await readLearning(folder)).race!.tickets.find((one) => one.ticket === ticket)!;

  it('counts attempts as they are labelled now, on the page at once and in the next update', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const [, , OTHER] = candidates;
      await advance(learner, folder);
      await advance(learner, folder);
      assert.equal((await adapterOf(learner)).ticket, 0, 'no other was tried four times');
      // Of the tickets that the second update's attempts took in turn.
      const label = async (ticket: Ticket, outcome: Outcome) => {
        for (let i = BATCH; i < 2 * BATCH; i++) {
          const id = nameOf(i);
          const path = join(folder, 'episodes', `${id}.mcap`);
          if (candidates[i % candidates.length] !== ticket) continue;
          await labelEpisode(path, { by: 'a test', outcome });
          learner.add({ id, path, label: outcome });
        }
      };
      await label(GOLDEN, 'failure');
      await label(OTHER, 'success');
      await label(0, 'discarded');
      const golden = await standingOf(folder, GOLDEN);
      assert.ok(golden.attempts > 0 && golden.successes === 0, 'labels that the learner has not seen'); // prettier-ignore
      const labelled = (await learner.advance())!;
      assert.ok(
        labelled.every((event) => event.event === 'corrected' && event.effect === 'counts'),
      );
      const [best] = (await readLearning(folder)).race!.tickets;
      assert.deepEqual([best.ticket, best.successes], [OTHER, best.attempts]);
      assert.equal((await standingOf(folder, 0)).attempts, BATCH, 'those of the first update');
      await learner.close();

      const again = await open(folder);
      const event = await advance(again, folder, (ticket) => ticket === OTHER);
      const told = 'report' in event ? event.report.race!.standings : [];
      assert.equal(told[0].ticket, OTHER);
      assert.equal(told.find(({ ticket }) => ticket === GOLDEN)!.successes, 0);
      await again.close();
    }));

  it('goes on from the counts of an older state, which kept no attempts', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      for (let update = 0; update < 2; update++) await advance(learner, folder);
      const { race } = await readLearning(folder);
      await learner.close();
      const state = stateFile(folder);
      const { metadata } = await readSafetensorsHeader(state);
      const { plays, ...older } = metadata;
      const tried = candidates.map((ticket) => {
        const { attempts, successes } = race!.tickets.find((one) => one.ticket === ticket)!;
        return { ticket, attempts, successes };
      });
      assert.equal((JSON.parse(plays) as unknown[]).length, 2 * BATCH);
      await writeSafetensors(state, [], { ...older, tried: JSON.stringify(tried) });
      assert.deepEqual((await readLearning(folder)).race, race);

      const again = await open(folder);
      await advance(again, folder);
      const attempted = (await readLearning(folder)).race!.tickets.reduce((sum, one) => sum + one.attempts, 0); // prettier-ignore
      assert.equal(attempted, 3 * BATCH);
      await again.close();
    }));

  it('begins the race after one update, and stays where it is while all attempts end alike', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const begun = await advance(learner, folder, () => false);
      assertSaid(describeEvent(begun), 16, 'zero noise');
      const { race } = await readLearning(folder);
      assert.deepEqual(race!.tickets.map(({ isRunning }) => isRunning), candidates.map(() => true)); // prettier-ignore
      const alike = await advance(learner, folder, () => false);
      assert.equal(alike.event, 'unmoved');
      assertSaid('reason' in alike ? alike.reason : '', '40 attempts failed');
      await learner.close();
    }));

  it('says so where no attempt began from a ticket', () =>
    withFolder(async (folder) => {
      const learner = await open(folder);
      const noise = new Float32Array(NUMBERS).fill(0.5);
      const events = [];
      for (const update of [0, 1]) {
        for (const [i, episode] of attempts.entries()) {
          const id = nameOf(update * BATCH + i);
          const path = await writeEpisode(
            join(folder, 'episodes'),
            id,
            changed(episode, { noise }),
          );
          learner.add({ id, path });
        }
        events.push(...(await learner.advance())!);
      }
      assert.deepEqual(events.map(({ event }) => event), ['published', 'unmoved']); // prettier-ignore
      const [, last] = events;
      assertSaid('reason' in last ? last.reason : '', 'exploration_tickets');
      await learner.close();
    }));

  for (const method of ['fpo', 'ticket'] as const)
    it(`begins with the ticket of the policy's own adapter: ${method}`, () =>
      withFolder(async (root) => {
        const [own, folder] = [join(root, 'policy'), join(root, 'learning')];
        await copyBundle(await loadBundle(bundle), own);
        const adapter = makeAdapter({
          ...(await startingAdapter(own)),
          ticket: 5,
          tickets: [5, 6],
        });
        await writeAdapter(join(own, ADAPTER_FILE), adapter);
        const algorithm = method === 'ticket' ? ticketSearch(trainable, 1) : undefined;
        const learner = await openTinyLearner(folder, own, {}, algorithm);
        const first = await readAdapter(learner.current().file, await loadBundle(own));
        assert.deepEqual([first.ticket, first.tickets], [5, undefined]);
        await learner.close();
      }));

  it('has every chunk begin from its ticket, and exploring attempts from those of the race in turn', async () => {
    const sampler = await openSampler(await loadBundle(bundle), SESSION, { trainable });
    const image = { width: 8, height: 8, pixels: new Uint8Array(8 * 8 * 3).fill(90) };
    type Noise = Parameters<typeof sampler.sample>[0]['noise'];
    const noiseOf = async (noise: Noise) => {
      const state = new Float64Array(JOINTS);
      return (await sampler.sample({ images: [image, image], state, prompt: 'go', noise })).noise;
    };
    const given = new Float32Array(NUMBERS).fill(0.5);
    const exploration = explorationSchema.parse({ size: 0, tickets: true });
    const asked: Noise[] = ['zero', { seed: 3 }, { seed: 3, given }];
    const explored = [4, 5, 6].map((attempt): Noise => ({ seed: attempt, attempt, exploration }));

    const start = await startingAdapter(bundle);
    const policy = await loadBundle(bundle);
    const adapters = [undefined, start, { ticket: 8, choice: {} }, { ticket: 8 }, { ticket: 0 }];
    const ignored = [...adapters, { steering: {} }].map((one) => ignoresNoise(policy, one));
    assert.deepEqual(ignored, [false, false, false, true, true, true]);
    await sampler.adopt(makeAdapter({ ...start, ticket: 8, tickets: [0, 8, 9] }));
    for (const noise of asked) assert.deepEqual(await noiseOf(noise), ticketNoise(8, NUMBERS));
    for (const [i, ticket] of [8, 9, 0].entries())
      assert.deepEqual(await noiseOf(explored[i]), ticketNoise(ticket, NUMBERS));
    await sampler.adopt(makeAdapter({ ...start, ticket: 0 }));
    for (const noise of [...asked, ...explored])
      assert.deepEqual(await noiseOf(noise), new Float32Array(NUMBERS));
    await sampler.adopt(start);
    assert.deepEqual(await noiseOf(asked[2]), given);
    assert.notDeepEqual(await noiseOf(asked[1]), await noiseOf('zero'));
    await sampler.close();
  });
});
