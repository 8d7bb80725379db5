import type { Counts } from '../tensors/successRates.ts';

/** ln(n!) for 0…most. */
function logFactorials(most: number): Float64Array {
  const table = new Float64Array(most + 1);
  for (let n = 2; n <= most; n++) table[n] = table[n - 1] + Math.log(n);
  return table;
}

/** How much more probable a table may be than the one that was seen, and count as no more probable: rounding. */
const ROUNDING = 1 + 1e-7;

/**
 * By successes of the first of two groups of `a` and `b` attempts, of which `successes` succeeded in all: the
 * probability of that table where both groups have the same success rate (hypergeometric). Starts at `least`.
 */
function tables(a: number, b: number, successes: number, ln: Float64Array) {
  const [least, most] = [Math.max(0, successes - b), Math.min(a, successes)];
  const choose = (n: number, k: number) => ln[n] - ln[k] - ln[n - k];
  const whole = choose(a + b, successes);
  const probabilities = Array.from({ length: most - least + 1 }, (_, i) =>
    Math.exp(choose(a, least + i) + choose(b, successes - least - i) - whole),
  );
  return { least, probabilities };
}

const sumUpTo = (probabilities: readonly number[], limit: number) =>
  Math.min(
    1,
    probabilities.reduce((sum, p) => (p <= limit * ROUNDING ? sum + p : sum), 0),
  );

/**
 * Fisher's exact test, two-sided (R. A. Fisher, Statistical Methods for Research Workers, 1934): the probability of
 * tables that are no more probable than this one, where both groups have the same success rate.
 */
export function fisherExact(a: Counts, b: Counts): number {
  const ln = logFactorials(a.attempts + b.attempts);
  const { least, probabilities } = tables(a.attempts, b.attempts, a.successes + b.successes, ln);
  return sumUpTo(probabilities, probabilities[a.successes - least]);
}

/** Probability that Fisher's test at this level tells two success rates apart, with so many attempts of each. */
export function powerOf(rates: readonly [number, number], attempts: number, level: number): number {
  const ln = logFactorials(2 * attempts);
  const binomial = (rate: number) =>
    Array.from({ length: attempts + 1 }, (_, k) => {
      if (rate === 0 || rate === 1) return Number(k === rate * attempts);
      const ways = ln[attempts] - ln[k] - ln[attempts - k];
      return Math.exp(ways + k * Math.log(rate) + (attempts - k) * Math.log(1 - rate));
    });
  const [pa, pb] = rates.map(binomial);
  let power = 0;
  for (let successes = 0; successes <= 2 * attempts; successes++) {
    const { least, probabilities } = tables(attempts, attempts, successes, ln);
    // A table and its mirror image are as probable as each other.
    const order = probabilities.map((p, i) => ({ p, i })).sort((x, y) => x.p - y.p);
    let below = 0;
    for (let from = 0; from < order.length;) {
      let to = from;
      while (to < order.length && order[to].p <= order[from].p * ROUNDING) below += order[to++].p;
      if (below > level) break;
      for (; from < to; from++)
        power += pa[least + order[from].i] * pb[successes - least - order[from].i];
    }
  }
  return power;
}

/** Attempts of each of two versions beyond which none is looked for. */
const MOST_ATTEMPTS = 500;

/**
 * The fewest attempts of each of two versions with these success rates with which Fisher's test at this level tells
 * them apart with this probability; undefined where that takes more than 500.
 */
export function attemptsNeeded(
  rates: readonly [number, number],
  level: number,
  power: number,
): number | undefined {
  if (powerOf(rates, MOST_ATTEMPTS, level) < power) return undefined;
  let [few, enough] = [0, MOST_ATTEMPTS];
  while (enough - few > 1) {
    const middle = (few + enough) >> 1;
    if (powerOf(rates, middle, level) >= power) enough = middle;
    else few = middle;
  }
  return enough;
}
