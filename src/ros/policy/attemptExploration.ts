import { METHODS } from '../../learning/methods.ts';
import { type Exploration, SEARCH_RANGE, explorationSchema } from '../../policy/exploration.ts';
import type { PolicyParameters } from './policyParameters.ts';

/** The parameters that say how attempts explore. */
type ExplorationParameters = Pick<
  PolicyParameters,
  | 'method'
  | 'exploration'
  | 'exploration_view'
  | 'exploration_offset'
  | 'exploration_tickets'
  | 'exploration_temperature'
>;

/** How a node's attempts explore; undefined where they do not. */
export function attemptExploration({
  method,
  exploration: size,
  exploration_view: view,
  exploration_offset: offset,
  exploration_tickets: tickets,
  exploration_temperature: temperature,
}: ExplorationParameters): Exploration | undefined {
  const { saysHowFar, exploration } = METHODS[method];
  if (!(saysHowFar || size > 0 || view > 0 || offset > 0 || tickets || temperature > 0))
    return undefined;
  return explorationSchema.parse({
    // What no parameter says is as nalu adapt explores by the learner's method.
    ...exploration,
    size,
    view,
    offset,
    temperature,
    ...(tickets && { tickets }),
    ...(size === 0 && view > 0 && { range: SEARCH_RANGE }),
  });
}
