import type { Adapter } from '../policy/bundle/adapter.ts';
import { numbersOf } from '../policy/choice/carried.ts';
import { findNonFinite } from '../tensors/finite.ts';
import type { UpdateMetrics } from './metrics.ts';

/** Limit of a published version's approximate KL, as a multiple of its update's limit. */
const MAX_KL_EXCESS = 1.5;

/** Limit of the change of all parameters together, relative to their norm. */
const MAX_STEP = 0.1;

/** Norms of the change and of the original values; NaN if a value is not finite. */
function distance(before: Adapter, after: Adapter) {
  let [change, whole] = [0, 0];
  for (const [name, { data }] of after.parameters) {
    const old = before.parameters.get(name)!.data;
    for (let i = 0; i < data.length; i++) {
      change += (data[i] - old[i]) ** 2;
      whole += old[i] ** 2;
    }
  }
  return { change: Math.sqrt(change), whole: Math.sqrt(whole) };
}

/** Whether all numbers of the networks beside the policy's own are finite. */
const isCarriedFinite = ({ choice, steering }: Adapter): boolean =>
  [choice, steering]
    .flatMap((networks) => (networks ? [...numbersOf(networks).values()] : []))
    .every(({ data }) => findNonFinite({ dtype: 'F32', data }) < 0);

/**
 * The reason why a version must not be published; undefined if it may. Its parameters must be finite and
 * close to its parent's, its approximate KL within the trust region, and its expected gain not negative.
 */
export function reasonToKeepBack(
  before: Adapter,
  after: Adapter,
  { policy }: UpdateMetrics,
): string | undefined {
  const { change, whole } = distance(before, after);
  if (!Number.isFinite(change) || !isCarriedFinite(after))
    return 'it has values that are not finite';
  // LoRA factors start at zero, so there is no norm to compare with.
  if (whole > 0 && change > MAX_STEP * whole)
    return `its parameters moved by ${(change / whole).toPrecision(2)} of their norm, more than ${MAX_STEP}`;
  if (!policy) return undefined;
  const { approxKl, klLimit, expectedGain } = policy;
  const largest = MAX_KL_EXCESS * klLimit;
  if (!(approxKl <= largest))
    return `its approximate KL is ${approxKl.toPrecision(2)}, more than ${largest.toPrecision(2)}`;
  if (!(expectedGain >= 0))
    return `on the attempts that it was learned from it is worse than its parent by ${(-expectedGain).toPrecision(2)}`;
  return undefined;
}
