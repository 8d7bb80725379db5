/** Names of settings and metrics in files of earlier versions, and what they are called now. */
type Renames = Readonly<Record<string, string>>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Settings of FPO by their path. Those of ablations stood among the others. */
const SETTINGS: Renames = {
  stop: 'trustRegion',
  'trustRegion.drift': 'trustRegion.maxKl',
  'trustRegion.clipShare': 'trustRegion.maxClipFraction',
  'trustRegion.later': 'trustRegion.decay',
  atOnce: 'microbatch',
  leastAdvantage: 'minAdvantage',
  gradientNorm: 'maxGradientNorm',
  ...Object.fromEntries(
    [
      ...['ratio', 'beta', 'deviationFloor', 'clipping', 'aspo', 'logRatioClamp', 'oldLossClamp'],
      ...['time', 'centred', 'beta1', 'beta2', 'epsilon'],
    ].map((name) => [name, `ablation.${name}`]),
  ),
};

/** Fields of `UpdateMetrics` by their path. */
const METRICS: Renames = {
  unmoved: 'skipped',
  'race.leaders': 'race.standings',
  'critics.loss': 'critics.valueLoss',
  'critics.foretold': 'critics.explainedVariance',
  'policy.clipShare': 'policy.clipFraction',
  'policy.drift': 'policy.approxKl',
  'policy.farthest': 'policy.klLimit',
  'policy.gain': 'policy.expectedGain',
  'policy.norm': 'policy.gradientNorm',
};

/** Moves the field at path `from` to path `to`, unless that one is taken or stands in no object. */
function move(object: Record<string, unknown>, from: string[], to: string[]): void {
  const parent = from.slice(0, -1).reduce<unknown>((inner, key) => isObject(inner) ? inner[key] : undefined, object); // prettier-ignore
  const name = from.at(-1)!;
  if (!isObject(parent) || !(name in parent)) return;
  let target = object;
  for (const key of to.slice(0, -1)) {
    target[key] ??= {};
    const inner = target[key];
    if (!isObject(inner)) return;
    target = inner;
  }
  if (to.at(-1)! in target) return;
  target[to.at(-1)!] = parent[name];
  delete parent[name];
}

/** A copy of `value` with its old names replaced; a field whose new name is taken keeps the old one. */
function renamed<T>(value: T, renames: Renames): T {
  if (!isObject(value)) return value;
  const copy = structuredClone(value);
  for (const [from, to] of Object.entries(renames)) move(copy, from.split('.'), to.split('.'));
  return copy;
}

export const currentSettings = <T>(settings: T): T => renamed(settings, SETTINGS);
export const currentMetrics = <T>(metrics: T): T => renamed(metrics, METRICS);
