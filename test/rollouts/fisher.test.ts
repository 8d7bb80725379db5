import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attemptsNeeded, fisherExact, powerOf } from '../../src/rollouts/fisher.ts';

const counts = (successes: number, attempts: number) => ({ successes, attempts });

function choose(n: number, k: number): bigint {
  let ways = 1n;
  for (let i = 1; i <= k; i++) ways = (ways * BigInt(n - k + i)) / BigInt(i);
  return ways;
}

/** The same test by whole numbers without rounding. */
function exactly(a: number, of: number, b: number, ofB: number): number {
  const successes = a + b;
  const ways = (k: number) => choose(of, k) * choose(ofB, successes - k);
  let [sum, all] = [0n, 0n];
  for (let k = Math.max(0, successes - ofB); k <= Math.min(of, successes); k++) {
    all += ways(k);
    if (ways(k) <= ways(a)) sum += ways(k);
  }
  return Number((sum * 10n ** 15n) / all) / 1e15;
}

const table = fc
  .record({ a: fc.nat(40), aFailed: fc.nat(40), b: fc.nat(40), bFailed: fc.nat(40) })
  .filter(({ a, aFailed, b, bFailed }) => a + aFailed > 0 && b + bFailed > 0);

describe("Fisher's exact test", () => {
  it('gives the known probabilities', () => {
    // scipy.stats.fisher_exact 1.17.1; the third is Fisher's lady with the tea.
    const known: [number, number, number, number, number][] = [
      [1, 10, 11, 14, 0.0027594561852200836],
      [8, 10, 1, 6, 0.03496503496503497],
      [3, 4, 1, 4, 0.4857142857142857],
      [18, 20, 9, 20, 0.005735673700078594],
      [12, 20, 16, 20, 0.3008447824910561],
      [3, 3, 0, 3, 0.1],
      [4, 4, 0, 4, 0.02857142857142857],
    ];
    for (const [a, of, b, ofB, p] of known)
      assert.ok(Math.abs(fisherExact(counts(a, of), counts(b, ofB)) - p) < 1e-12, `${a} of ${of}`);
  });

  it('agrees with whole numbers, whichever group is the first', () =>
    fc.assert(
      fc.property(table, ({ a, aFailed, b, bFailed }) => {
        const [first, second] = [counts(a, a + aFailed), counts(b, b + bFailed)];
        const p = fisherExact(first, second);
        assert.ok(Math.abs(p - exactly(a, a + aFailed, b, b + bFailed)) < 1e-9);
        assert.ok(Math.abs(p - fisherExact(second, first)) < 1e-9);
      }),
    ));

  it('tells rates apart as often as all possible counts say', () => {
    const [n, rates] = [20, [0.5, 0.9]] as const;
    const probability = (k: number, rate: number) =>
      Number(choose(n, k)) * rate ** k * (1 - rate) ** (n - k);
    let power = 0;
    for (let a = 0; a <= n; a++)
      for (let b = 0; b <= n; b++)
        if (exactly(a, n, b, n) <= 0.05) power += probability(a, rates[0]) * probability(b, rates[1]); // prettier-ignore
    assert.ok(Math.abs(powerOf([...rates], n, 0.05) - power) < 1e-9);
    // The same sum by scipy's test.
    assert.ok(Math.abs(power - 0.74238878391147) < 1e-9);
  });

  it('says how many attempts it needs', () => {
    // Found by the same sums in Python, for all numbers up to 109.
    assert.equal(attemptsNeeded([0.5, 0.9], 0.05, 0.8), 23);
    assert.equal(attemptsNeeded([0.6, 0.9], 0.05, 0.8), 36);
    assert.equal(attemptsNeeded([0.6, 0.8], 0.05, 0.8), 90);
    assert.equal(attemptsNeeded([0.6, 0.62], 0.05, 0.8), undefined);
    assert.equal(attemptsNeeded([0, 1], 0.05, 0.8), 4);
  });
});
