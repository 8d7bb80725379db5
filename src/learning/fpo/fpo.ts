import { makeAdapter } from '../../policy/bundle/adapter.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import type { Algorithm, AlgorithmContext, OpenAlgorithm } from '../algorithm.ts';
import { adapterParameters } from '../train/parameters.ts';
import type { FpoConfig } from './config.ts';
import { openCritics } from './critics.ts';
import { openLearningPolicy } from './policy.ts';
import type { Rollout } from '../attempts/rollout.ts';
import {
  type FpoState,
  criticShape,
  initialFpoState,
  readFpoState,
  readPolicyState,
  storedState,
} from './state.ts';
import { type FpoMetrics, type FpoRun, update } from './update.ts';

/** FPO with its own metrics. */
export interface Fpo extends Algorithm {
  update(attempts: readonly Rollout[]): Promise<FpoMetrics>;
}

/** Flow policy optimisation (see update) with these settings. */
export const fpo =
  (config: FpoConfig): OpenAlgorithm =>
  async (context, stateFile) => {
    const { bundle } = context;
    const start =
      stateFile === undefined
        ? await initialFpoState(bundle, config)
        : await readFpoState(stateFile, bundle, config);
    return openFpo(context, config, start);
  };

/** Opens FPO at the state `start`, whose vectors it updates in place. */
export async function openFpo(
  context: AlgorithmContext,
  config: FpoConfig,
  start: FpoState,
): Promise<Fpo> {
  const { bundle, session } = context;
  const { base } = bundle;
  const learnable = learnableOf(bundle);
  const { trainable } = config;
  const { updates, policyUpdates, view, offset, own } = start;
  const critics = await openCritics({
    shape: criticShape(learnable, config),
    config: config.critics,
    start: start.critics,
    session,
  });
  const policy = await openLearningPolicy(context, config, start.policy);
  const run: FpoRun = { config, policy, critics, view, offset, own, updates, policyUpdates };

  return {
    update: (attempts) => update(run, attempts),
    adapter() {
      const { parameters } = run.policy.state.vectors;
      return makeAdapter({
        ...{ trainable, base, view: run.view, offset: run.offset, own: run.own },
        parameters: adapterParameters(parameters, learnable.parameters(trainable)),
      });
    },
    async restore(file) {
      const read = await readPolicyState(file, bundle, config);
      await run.policy.close();
      run.policy = await openLearningPolicy(context, config, read.policy);
      run.view = read.view;
      run.offset = read.offset;
      run.own = read.own;
    },
    get state() {
      const state = { ...run, policy: run.policy.state, critics: critics.state };
      return storedState(state, bundle, config);
    },
    async close() {
      await critics.close();
      await run.policy.close();
    },
  };
}
