/** An attempt: where it explored, in units of exploration, and how it ended. */
export interface Trial {
  place: readonly number[];
  success: boolean;
}

/** Deviations of the Gaussian priors of the slopes, and of the intercept. */
const SLOPE = 1;
const INTERCEPT = 3;

/** Curvatures that are tried. A success rate falls by about half over one to three units. */
const CURVATURES = [0.1, 0.2, 0.3, 0.5, 0.8];

/** Newton's steps are shortened to this; it converges in some ten of them. */
const LONGEST_STEP = 0.5;
const MOST_STEPS = 100;
const CONVERGED = 1e-6;

/** Solves a symmetric positive definite system by Cholesky's factorisation; also returns the log determinant. */
export function solve(matrix: readonly (readonly number[])[], right: readonly number[]) {
  const n = right.length;
  const lower = matrix.map(() => new Array<number>(n).fill(0));
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i][j];
      for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
    }
  const half = [...right];
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) half[i] -= lower[i][k] * half[k];
    half[i] /= lower[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) half[i] -= lower[k][i] * half[k];
    half[i] /= lower[i][i];
  }
  const logDeterminant = 2 * lower.reduce((sum, row, i) => sum + Math.log(row[i]), 0);
  return { solution: half, logDeterminant };
}

/** The most probable slopes and intercept for a curvature, and the log evidence (Laplace's approximation). */
function fit(trials: readonly Trial[], curvature: number) {
  const dims = trials[0].place.length;
  const precisions = [...new Array<number>(dims).fill(1 / SLOPE ** 2), 1 / INTERCEPT ** 2];
  const features = trials.map(({ place }) => [...place, 1]);
  const falls = trials.map(
    ({ place }) => (-curvature / 2) * place.reduce((sum, x) => sum + x ** 2, 0),
  );
  const logits = (weights: readonly number[]) =>
    features.map((row, i) => row.reduce((sum, x, j) => sum + x * weights[j], falls[i]));
  let weights = precisions.map(() => 0);
  let logDeterminant = 0;
  for (let step = 0; step < MOST_STEPS; step++) {
    const gradient = weights.map((weight, j) => -weight * precisions[j]);
    const curve = precisions.map((precision, i) =>
      precisions.map((_, j) => (i === j ? precision : 0)),
    );
    logits(weights).forEach((logit, n) => {
      const p = 1 / (1 + Math.exp(-logit));
      const error = Number(trials[n].success) - p;
      features[n].forEach((x, i) => {
        gradient[i] += error * x;
        for (let j = 0; j <= i; j++) curve[i][j] += p * (1 - p) * x * features[n][j];
      });
    });
    const { solution, ...solved } = solve(curve, gradient);
    ({ logDeterminant } = solved);
    const longest = Math.max(...solution.map(Math.abs));
    const share = Math.min(1, LONGEST_STEP / longest);
    weights = weights.map((weight, j) => weight + share * solution[j]);
    if (longest < CONVERGED) break;
  }
  const likelihood = logits(weights).reduce((sum, logit, n) => {
    const signed = trials[n].success ? logit : -logit;
    return sum - Math.log1p(Math.exp(-signed));
  }, 0);
  const prior = weights.reduce((sum, weight, j) => sum - (precisions[j] * weight ** 2) / 2, 0);
  const scale = precisions.reduce((sum, precision) => sum + Math.log(precision) / 2, 0);
  return { weights, evidence: likelihood + prior + scale - logDeterminant / 2 };
}

/**
 * The place where success is most probable: that of the most probable model
 * logit p(x) = b + w·x − κ/2·|x|², with Gaussian priors on b and w, and κ by its evidence. It is w/κ.
 */
export function bestPlace(trials: readonly Trial[]): number[] {
  const fits = CURVATURES.map((curvature) => ({ curvature, ...fit(trials, curvature) }));
  const best = fits.reduce((a, b) => (b.evidence > a.evidence ? b : a));
  return best.weights.slice(0, -1).map((weight) => weight / best.curvature);
}
