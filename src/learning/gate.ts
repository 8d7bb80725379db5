import type { Adapter } from '../policy/bundle/adapter.ts';
import type { FpoReport } from './fpo/report.ts';

/** Largest drift with which a version may leave, times that which its update might make. */
const FARTHEST_DRIFT = 1.5;

/** Largest change of all parameters together, as a share of their norm. */
const FARTHEST_STEP = 0.1;

/** Norm of the change, and of what was changed; NaN where a value is not finite. */
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

/**
 * Why a version must not reach the robot; undefined if it may: its parameters must be finite and near
 * those that it was learned from, its drift within the trust region, and it must not be worse than they
 * are on the attempts that it was learned from.
 */
export function reasonToKeepBack(
  before: Adapter,
  after: Adapter,
  { policy }: FpoReport,
): string | undefined {
  const { change, whole } = distance(before, after);
  if (!Number.isFinite(change)) return 'it has values that are not finite';
  // LoRA factors begin at zero: there is no norm to compare with.
  if (whole > 0 && change > FARTHEST_STEP * whole)
    return `its parameters moved by ${(change / whole).toPrecision(2)} of their norm, more than ${FARTHEST_STEP}`;
  if (!policy) return undefined;
  const farthest = FARTHEST_DRIFT * policy.farthest;
  if (!(policy.drift <= farthest))
    return `it drifted by ${policy.drift.toPrecision(2)}, more than ${farthest.toPrecision(2)}`;
  if (!(policy.gain >= 0))
    return `on the attempts that it was learned from it is worse than its parent by ${(-policy.gain).toPrecision(2)}`;
  return undefined;
}
