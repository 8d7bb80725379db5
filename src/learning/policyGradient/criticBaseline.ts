import {
  discountedReturns,
  explainedVariance,
  generalisedAdvantages,
  standardised,
} from './advantages.ts';
import type { Baseline } from './baseline.ts';
import type { CriticSettings, GradientConfig } from './config.ts';
import { featuresOf } from '../../policy/choice/moment.ts';
import type { Critics } from './critics.ts';
import { lastValues } from './lastValues.ts';
import { STREAM } from './streams.ts';

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
