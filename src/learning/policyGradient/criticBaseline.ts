import {
  discountedReturns,
  explainedVariance,
  generalisedAdvantages,
  standardised,
} from './advantages.ts';
import type { Baseline } from './baseline.ts';
import type { CriticSettings, GradientConfig } from './config.ts';
import { type Critics, featuresOf } from './critics.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { AttemptValues } from '../metrics.ts';
import { STREAM } from './streams.ts';

/** Successes of an update whose values are told, and failures. */
const TOLD = 4;

const rounded = (value: number) => Number(value.toFixed(4));

/** The last failures and the last successes with the `values` of their chunks, concatenated in order. */
function lastValues(attempts: readonly Rollout[], values: readonly number[]): AttemptValues[] {
  let from = 0;
  const all = attempts.map(({ reward, chunks }) => ({
    succeeded: reward > 0,
    times: chunks.map(({ at }) => rounded(at)),
    values: values.slice(from, (from += chunks.length)).map(rounded),
  }));
  return [false, true].flatMap((kind) =>
    all.filter(({ succeeded }) => succeeded === kind).slice(-TOLD),
  );
}

/** Generalised advantages over the values of critics, which learn from each update. */
export function criticBaseline(
  critics: Critics,
  config: CriticSettings & Pick<GradientConfig, 'seed' | 'advantageFloor'>,
): Baseline {
  const { gamma, lambda, critics: settings, seed, advantageFloor } = config;
  return {
    warmUp: settings.warmUp,
    async assess(attempts) {
      const features = attempts.flatMap(({ chunks }) => chunks.map(featuresOf));
      const values = await critics.values(features, 'parameters');
      return {
        advantages: generalisedAdvantages(attempts, values, { gamma, lambda }),
        async learn(update) {
          let valueLoss = 0;
          for (let epoch = 0; epoch < settings.epochs; epoch++) {
            // λ-returns of the target networks.
            const average = await critics.values(features, 'average');
            const rates = { gamma, lambda: settings.lambda };
            const ahead = generalisedAdvantages(attempts, average, rates);
            const targets = average.map((value, i) => value + ahead[i]);
            const order = [seed, STREAM.criticOrder, update, epoch];
            valueLoss = await critics.train(features, targets, order);
          }
          const returns = discountedReturns(attempts, gamma);
          return {
            valueLoss,
            explainedVariance: explainedVariance(returns, values),
            attempts: lastValues(attempts, values),
          };
        },
      };
    },
    scaled: (advantages) => standardised(advantages, advantageFloor),
    close: () => critics.close(),
  };
}
