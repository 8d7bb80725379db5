import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../../src/episodes/outcome.ts';
import { type Asked, createCompareJob } from '../../src/rollouts/compareJob.ts';
import {
  type KeptComparison,
  asLabelled,
  orderOf,
  sideOf,
  verdictOf,
} from '../../src/rollouts/comparison.ts';
import { assertRejectsAbout, assertSaid, assertThrowsAbout } from '../refusals.ts';

const verdict = (a: number, b: number, of: number) =>
  verdictOf(
    sideOf('old', { successes: a, attempts: of }),
    sideOf('new', { successes: b, attempts: of }),
  );

/** Versions that only note what is played. */
function notedVersions(all: string[]) {
  const played: string[] = [];
  return {
    all,
    played,
    get now() {
      return played.at(-1) ?? all[0];
    },
    play: (version: string) => Promise.resolve(void played.push(version)),
  };
}

function job(all = ['old', 'new']) {
  const versions = notedVersions(all);
  const ended: KeptComparison[] = [];
  return { versions, ended, job: createCompareJob({ versions, onEnd: (one) => void ended.push(one) }) }; // prettier-ignore
}

const ASKED: Asked = { a: 'old', b: 'new', attempts: 20 };

describe('the order of a comparison', () => {
  it('has each version once in each pair, in either order, and the same seed gives the same', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), (pairs, seed) => {
        const order = orderOf(pairs, seed);
        assert.equal(order.length, 2 * pairs);
        for (let pair = 0; pair < pairs; pair++)
          assert.deepEqual(order.slice(2 * pair, 2 * pair + 2).sort(), ['a', 'b']);
        assert.deepEqual(order, orderOf(pairs, seed));
      }),
    ));

  it('cannot be guessed: over many seeds each version comes first as often as the other', () => {
    const firsts = Array.from({ length: 4000 }, (_, seed) => orderOf(1, seed)[0]);
    const share = firsts.filter((side) => side === 'a').length / firsts.length;
    // Four standard deviations of 4000 tosses.
    assert.ok(Math.abs(share - 0.5) < 0.032, String(share));
  });
});

describe('a verdict', () => {
  it('names the better version where the test says so, with its probability', () => {
    assertSaid(verdict(9, 18, 20), 'new succeeds', 'old 9 of 20', 'new 18 of 20', '0.0057');
    assertSaid(verdict(18, 9, 20), 'old succeeds', 'old 18 of 20', 'new 9 of 20', '0.0057');
  });

  it('says otherwise how many attempts would have told such rates apart', () => {
    assertSaid(
      verdict(12, 16, 20),
      ...['old 12 of 20', 'new 16 of 20', '0.30', '60 % from 80 %', '90 attempts'],
    );
    assertSaid(verdict(8, 8, 20), 'no difference', 'old 8 of 20', 'new 8 of 20', '1.0');
  });
});

describe('a comparison', () => {
  it('plays the versions in its hidden order, and tells at the end what each did', async () => {
    const { versions, ended, job: compare } = job();
    compare.begin(ASKED);
    for (let made = 0; made < 20; made++) {
      assert.deepEqual(compare.state, { made, of: 20 });
      await compare.prepare();
      await compare.judged({ outcome: versions.now === 'new' ? 'success' : 'failure' });
    }
    assert.equal(compare.state, undefined);
    const [{ a, b, seed, verdict: said }] = ended;
    assert.deepEqual([a.successes, a.attempts, b.successes, b.attempts], [0, 10, 10, 10]);
    assertSaid(said, 'new succeeds');
    const order = orderOf(10, seed).map((side) => ASKED[side]);
    assert.deepEqual(versions.played, [...order, 'old'], 'what played before plays again');
  });

  it('makes an attempt again that was discarded, with the same version', async () => {
    const { versions, job: compare } = job();
    compare.begin(ASKED);
    await compare.prepare();
    await compare.judged({ outcome: 'discarded' });
    assert.deepEqual(compare.state, { made: 0, of: 20 });
    await compare.prepare();
    assert.equal(versions.played[0], versions.played[1]);
  });

  it('is kept without a verdict where it is ended early', async () => {
    const { ended, job: compare } = job();
    compare.begin(ASKED);
    await compare.prepare();
    await compare.judged({ outcome: 'success' });
    await compare.end('Anna');
    assertSaid(ended[0].verdict, 'Anna', '1 of 20', 'no verdict');
    assert.equal(ended[0].a.attempts + ended[0].b.attempts, 1);
    await assertRejectsAbout(compare.end('Anna'), { kind: 'unready', names: ['no comparison'] });
  });

  /** A comparison that was judged: every attempt with the new version a success, all with the old one failures. */
  async function judgedComparison(attempts: number, judged = attempts) {
    const { versions, ended, job: compare } = job();
    compare.begin({ ...ASKED, attempts });
    const episodes = new Map<string, string>();
    for (let made = 0; made < judged; made++) {
      await compare.prepare();
      const [version, episode] = [versions.now, `attempt-${made}`];
      episodes.set(episode, version);
      await compare.judged({ outcome: version === 'new' ? 'success' : 'failure', episode });
    }
    if (judged < attempts) await compare.end('Anna');
    const idsOf = (version: string) =>
      [...episodes].filter(([, made]) => made === version).map(([id]) => id);
    return { kept: ended[0], idsOf };
  }
  const labelled = (ids: readonly string[], outcome: Outcome) =>
    ids.map((id): [string, Outcome] => [id, outcome]);
  const counts = ({ a, b }: Pick<KeptComparison, 'a' | 'b'>) =>
    [a, b].map(({ successes, attempts }) => [successes, attempts]);

  it('counts its attempts as they are labelled later, and says so beside the verdict as judged', async () => {
    const { kept, idsOf } = await judgedComparison(20);
    const untouched = asLabelled(kept, new Map(labelled(['another'], 'failure')));
    assert.deepEqual([counts(untouched), untouched.corrected], [counts(kept), undefined]);
    assert.equal(untouched.verdict, kept.verdict);

    const labels = new Map([
      ...labelled(idsOf('new').slice(0, 6), 'failure'),
      ...labelled(idsOf('old').slice(0, 1), 'discarded'),
      // As it was judged.
      ...labelled(idsOf('old').slice(1, 2), 'failure'),
    ]);
    const now = asLabelled(kept, labels);
    assert.deepEqual(counts(now), [[0, 9], [4, 10]]); // prettier-ignore
    assert.deepEqual(now.b.interval, sideOf('new', { successes: 4, attempts: 10 }).interval);
    assertSaid(now.verdict, 'no difference', 'old 0 of 9', 'new 4 of 10');
    assert.deepEqual(now.corrected, { attempts: 7, verdict: kept.verdict });
    assertSaid(kept.verdict, 'new succeeds');
  });

  it('has no verdict by corrections where it was ended early or nothing is left of a version', async () => {
    const early = await judgedComparison(20, 19);
    const now = asLabelled(early.kept, new Map(labelled(early.idsOf('new'), 'failure')));
    assertSaid(now.verdict, 'Anna', '19 of 20', 'no verdict');
    assert.equal(now.b.successes, 0);

    const { kept, idsOf } = await judgedComparison(4);
    const none = asLabelled(kept, new Map(labelled(idsOf('new'), 'discarded')));
    assert.deepEqual(counts(none), [[0, 2], [0, 0]]); // prettier-ignore
    assertSaid(none.verdict, 'nothing is judged', 'with new');
    const all = labelled([...idsOf('old'), ...idsOf('new')], 'discarded');
    assertSaid(asLabelled(kept, new Map(all)).verdict, 'nothing is judged', 'old and new');
  });

  it('stays as it was judged where an earlier version kept it without its attempts', async () => {
    const { kept, idsOf } = await judgedComparison(20);
    const older = { ...kept, attempts: undefined };
    const now = asLabelled(older, new Map(labelled(idsOf('new'), 'failure')));
    assert.deepEqual([counts(now), now.corrected], [counts(kept), undefined]);
  });

  it('is refused for versions that are not two, and while another one is under way', () => {
    const { job: compare } = job();
    assertThrowsAbout(() => compare.begin({ ...ASKED, b: 'old' }), {
      kind: 'invalid',
      fields: ['b'],
      names: ['itself'],
    });
    assertThrowsAbout(() => compare.begin({ ...ASKED, attempts: 21 }), {
      kind: 'invalid',
      fields: ['attempts'],
      names: [21, 'even'],
    });
    assertThrowsAbout(() => compare.begin({ ...ASKED, b: 'none' }), {
      kind: 'missing',
      fields: ['none'],
      names: ['none', 'old', 'new'],
    });
    const takeBack = compare.begin(ASKED);
    assertThrowsAbout(() => compare.begin(ASKED), { kind: 'unready', names: ['a comparison'] });
    takeBack();
    compare.begin(ASKED);
  });
});
