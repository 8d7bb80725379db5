import type { AlgorithmContext, OpenAlgorithm } from '../algorithm.ts';
import { type GradientMethod, policyGradient } from '../policyGradient/policyGradient.ts';
import type { FpoConfig } from './config.ts';
import { openLearningPolicy } from './policy.ts';

export const FPO: GradientMethod<FpoConfig> = {
  format: 'nalu-fpo-2',
  openPolicy: openLearningPolicy,
};

/** Flow policy optimisation (see update) with these settings. */
export const fpo = (config: FpoConfig): OpenAlgorithm<AlgorithmContext> =>
  policyGradient(FPO, config);
