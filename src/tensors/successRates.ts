/** Attempts, and how many of them succeeded. */
export interface Counts {
  attempts: number;
  successes: number;
}

/** All attempts of several counts. */
export const totalOf = (counts: readonly Counts[]): Counts => ({
  attempts: counts.reduce((sum, { attempts }) => sum + attempts, 0),
  successes: counts.reduce((sum, { successes }) => sum + successes, 0),
});

/** ln(n!) */
function logFactorial(n: number): number {
  let sum = 0;
  for (let i = 2; i <= n; i++) sum += Math.log(i);
  return sum;
}

/** ln of the beta function of whole numbers. */
const logBeta = (a: number, b: number) =>
  logFactorial(a - 1) + logFactorial(b - 1) - logFactorial(a + b - 1);

/**
 * Probability that the success rate behind `worse` is below that behind `better`, both as their counts
 * leave them from a uniform prior: the sum over the Beta distributions in closed form.
 */
export function probabilityBelow(worse: Counts, better: Counts): number {
  const [a, b] = [worse.successes + 1, worse.attempts - worse.successes + 1];
  const [c, d] = [better.successes + 1, better.attempts - better.successes + 1];
  let sum = 0;
  for (let i = 0; i < c; i++)
    sum += Math.exp(logBeta(a + i, b + d) - Math.log(d + i) - logBeta(1 + i, d) - logBeta(a, b));
  return sum;
}

/** 95 % interval of a success rate (Wilson 1927). */
export function successInterval({ attempts, successes }: Counts): [number, number] {
  if (attempts === 0) return [0, 1];
  const z = 1.96;
  const rate = successes / attempts;
  const spread = z * Math.sqrt((rate * (1 - rate)) / attempts + z ** 2 / (4 * attempts ** 2));
  const scale = 1 + z ** 2 / attempts;
  const centre = rate + z ** 2 / (2 * attempts);
  return [Math.max(0, centre - spread) / scale, Math.min(scale, centre + spread) / scale];
}

/** Counts with the 95 % interval of their rate. */
export const withInterval = ({ attempts, successes }: Counts) => ({
  ...{ attempts, successes },
  interval: successInterval({ attempts, successes }),
});
