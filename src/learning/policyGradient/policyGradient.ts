import { adaptedVersion, makeAdapter } from '../../policy/bundle/adapter.ts';
import { adaptableOf } from '../../policy/families/registry.ts';
import type { Algorithm, AlgorithmContext, OpenAlgorithm } from '../algorithm.ts';
import type { Rollout } from '../attempts/rollout.ts';
import { adapterParameters } from '../train/parameters.ts';
import type { TrainingState } from '../train/trainer.ts';
import type { Baseline } from './baseline.ts';
import type { CriticSettings, GradientConfig } from './config.ts';
import { criticBaseline } from './criticBaseline.ts';
import { openCritics } from './critics.ts';
import { groupBaseline } from './groupBaseline.ts';
import type { LearningPolicy } from './learningPolicy.ts';
import {
  type GradientState,
  criticShape,
  initialRunState,
  keptParts,
  readPolicyState,
  readRunState,
  storedState,
} from './state.ts';
import { type GradientMetrics, type GradientRun, update } from './update.ts';

/** What tells a policy gradient from another. */
export interface GradientMethod<C extends GradientConfig> {
  /** Of its states' files. */
  format: string;
  openPolicy(
    this: void,
    context: AlgorithmContext,
    config: C,
    start: TrainingState,
  ): Promise<LearningPolicy>;
}

/** A policy gradient with its own metrics. */
export interface PolicyGradient extends Algorithm {
  update(attempts: readonly Rollout[]): Promise<GradientMetrics>;
}

const hasCritics = (config: GradientConfig): config is GradientConfig & CriticSettings =>
  config.critics !== undefined;

/** The baseline of a configuration: its critics, or the group where it has none. */
async function openBaseline(
  { bundle, session }: AlgorithmContext,
  config: GradientConfig,
  { critics }: GradientState,
): Promise<Pick<GradientRun, 'baseline'> & { critics?: () => GradientState['critics'] }> {
  if (!hasCritics(config)) return { baseline: groupBaseline };
  const opened = await openCritics({
    shape: criticShape(bundle, config)!,
    config: config.critics,
    start: critics!,
    session,
  });
  const baseline: Baseline = criticBaseline(opened, config);
  return { baseline, critics: () => opened.state };
}

/** Opens a policy gradient at the state `start`, whose vectors it updates in place. */
export async function openAt<C extends GradientConfig>(
  { format, openPolicy }: GradientMethod<C>,
  context: AlgorithmContext,
  config: C,
  start: GradientState,
): Promise<PolicyGradient> {
  const { bundle } = context;
  const { trainable } = config;
  const { updates, policyUpdates, view, offset, own } = start;
  // It stays what the policy begins with.
  const kept = await keptParts(bundle);
  const { baseline, critics } = await openBaseline(context, config, start);
  const policy = await openPolicy(context, config, start.policy);
  const { base } = bundle;
  const adapter = () => {
    const { parameters } = run.policy.state.vectors;
    return makeAdapter({
      ...{ ...kept, trainable, base, view: run.view, offset: run.offset, own: run.own },
      parameters: adapterParameters(parameters, adaptableOf(bundle).parameters(trainable)),
    });
  };
  const run: GradientRun = {
    ...{ config, policy, baseline, view, offset, own, updates, policyUpdates },
    // Before the first step the policy plays as the bundle has it.
    versions: () => [
      adaptedVersion(base, adapter()),
      ...(run.policyUpdates === 0 ? [bundle.version] : []),
    ],
  };

  return {
    update: (attempts) => update(run, attempts),
    adapter,
    async restore(file) {
      const read = await readPolicyState(file, bundle, config);
      await run.policy.close();
      run.policy = await openPolicy(context, config, read.policy);
      run.view = read.view;
      run.offset = read.offset;
      run.own = read.own;
    },
    get state() {
      const state = { ...run, policy: run.policy.state, critics: critics?.() };
      return storedState(state, bundle, config, format);
    },
    async close() {
      await baseline.close();
      await run.policy.close();
    },
  };
}

/** A policy gradient with these settings (see update). */
export const policyGradient =
  <C extends GradientConfig>(
    method: GradientMethod<C>,
    config: C,
  ): OpenAlgorithm<AlgorithmContext> =>
  async (context, stateFile) => {
    const { bundle } = context;
    const start =
      stateFile === undefined
        ? await initialRunState(bundle, config)
        : await readRunState(stateFile, bundle, config, method.format);
    return openAt(method, context, config, start);
  };
