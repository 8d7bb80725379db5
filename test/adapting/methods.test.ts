import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { readJsonLines } from '../../src/files/jsonLines.ts';
import type { MethodName } from '../../src/learning/methodNames.ts';
import { demandLearnable } from '../../src/learning/methods.ts';
import { candidatesOf } from '../../src/learning/ticket/race.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { ticketNoise } from '../../src/policy/ticket.ts';
import { nalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { assertAbout, assertSaidIn } from '../refusals.ts';
import { writeTinyAloha, writeTinyFastAloha } from './tinyAloha.ts';

describe('a method that a policy has nothing for', () => {
  const given = { fpo: 'pi0-fast', view: 'pi0-fast', grpo: 'pi0', ppo: 'onnx' } as const;
  for (const [method, family] of Object.entries(given))
    it(`is refused, with those that can be taken: ${method} of a ${family}`, () => {
      const remedies = { 'pi0-fast': ['ppo', 'grpo'], pi0: ['fpo', 'flow-ppo', 'in-sample', 'preference', 'filtered', 'view', 'offset', 'ticket'], onnx: ['pi0-fast'] }; // prettier-ignore
      assert.throws(
        () => demandLearnable(method as MethodName, { family, folder: 'my-policy' }),
        (thrown) => {
          const names = [method, family, ...remedies[family]];
          assertAbout(thrown, { kind: 'unsupported', subject: 'my-policy', fields: ['--method'], names }); // prettier-ignore
          return true;
        },
      );
    });
});

/** Adapts a tiny policy, by default without evaluations; gives its folder, the run's, and what was said. */
async function adaptTiny(
  root: string,
  method: MethodName,
  counts: { batch: number; episodes: number; processes: number; attempts?: number },
  write: (folder: string) => Promise<unknown> = writeTinyAloha,
): Promise<{ policy: string; run: string; out: string }> {
  const [policy, run] = ['policy', 'run'].map((name) => join(root, name));
  await write(policy);
  const all = Object.entries({ attempts: 0, ...counts });
  const options = all.flatMap(([name, count]) => [`--${name}`, String(count)]);
  const args = ['adapt', run, '--policy', policy, '--method', method];
  const { code, out, err } = await nalu([...args, ...options]);
  assert.equal(code, 0, err);
  return { policy, run, out };
}

describe('nalu adapt by another method than FPO', { timeout: 480_000 }, () => {
  for (const method of ['view', 'offset'] as const)
    it(`explores by the ${method}, each attempt in its own way, and says so where none succeeds`, () =>
      withFolder(async (root) => {
        const { run, out } = await adaptTiny(root, method, { batch: 1, episodes: 2, processes: 1 });
        assertSaidIn(out, 'update 2', 'all of its 2 attempts failed');

        const places: string[] = [];
        for (const { path } of await listEpisodes(join(run, 'learner/episodes'))) {
          const { chunks } = await readEpisode(path);
          const own = new Set(chunks.map((chunk) => String(chunk[method])));
          assert.equal(own.size, 1, 'one for all chunks of an attempt');
          places.push(...own);
          for (const other of ['view', 'offset'] as const)
            if (other !== method) assert.equal(chunks[0][other], undefined);
        }
        assert.equal(new Set(places).size, 2);
        const log = await readJsonLines<{ report?: object }>(join(run, 'learner/log.jsonl'));
        for (const { report } of log) assert.ok(!report || !(method in report), 'it stays');
      }));

  it('takes the tickets of the race in turn, one for all chunks of an attempt, in whatever process', () =>
    withFolder(async (root) => {
      const { run, out } = await adaptTiny(root, 'ticket', { batch: 2, episodes: 4, processes: 2 });
      assertSaidIn(out, 'update 2', 'all of its 4 attempts failed');

      // The first version, which attempts of the first update play, is the policy as it came.
      const tickets = candidatesOf(0, 0);
      const episodes = await listEpisodes(join(run, 'learner/episodes'));
      for (const [i, { path }] of episodes.entries()) {
        const { header, chunks } = await readEpisode(path);
        const ticket = i < 2 ? 0 : tickets[header.seed! % tickets.length];
        for (const { noise } of chunks) assert.deepEqual(noise, ticketNoise(ticket, noise.length));
        if (i >= 2) assert.notEqual(ticket, 0);
      }
      assert.equal(episodes.length, 4);
    }));

  it('records the steps of flows, each of which explores: flow-ppo', () =>
    withFolder(async (root) => {
      const counts = { batch: 1, episodes: 1, processes: 1 };
      const { policy, run, out } = await adaptTiny(root, 'flow-ppo', counts);
      assertSaidIn(out, 'update 1', 'critics learned');
      const { integration } = await loadBundle(policy);
      for (const { path } of await listEpisodes(join(run, 'learner/episodes'))) {
        const { chunks } = await readEpisode(path);
        for (const { chain, noise } of chunks) {
          assert.equal(chain!.size, 0.02);
          assert.equal(chain!.states.length, integration!.steps * noise.length);
          for (let call = 0; call < integration!.steps; call++)
            assert.ok(chain!.noise.subarray(call * noise.length, (call + 1) * noise.length).some((value) => value !== 0)); // prettier-ignore
        }
      }
    }));

  it('draws the tokens of a policy that writes such, records how likely each was, and evaluates the likeliest ones once: grpo', () =>
    withFolder(async (root) => {
      const counts = { batch: 2, episodes: 2, processes: 1, attempts: 1 };
      const { run, out } = await adaptTiny(root, 'grpo', counts, writeTinyFastAloha);
      assertSaidIn(out, 'update 1', 'all of its 2 attempts failed');
      assertSaidIn(out, 'after 2 episodes', '0 of 1', 'made once');
      const results = await readJsonLines(join(run, 'results.jsonl'));
      const none = { attempts: 1, random: 0, zero: 0 };
      assert.deepEqual(results, [{ episodes: 0, ...none }, { episodes: 2, ...none }]); // prettier-ignore
      for (const { path } of await listEpisodes(join(run, 'learner/episodes'))) {
        const { chunks } = await readEpisode(path);
        for (const { tokens } of chunks) {
          assert.equal(tokens!.temperature, Math.fround(0.3));
          assert.equal(tokens!.ids.length, tokens!.logProbabilities.length);
          assert.ok(tokens!.logProbabilities.some((value) => value < -0.01));
        }
      }
    }));
});
