import type { GradientMethod } from '../policyGradient/policyGradient.ts';
import type { FlowPpoConfig } from './config.ts';
import { openFlowPpoPolicy } from './policy.ts';

/** PPO on the steps of a flow that explores (DPPO, arXiv 2409.00588; pi_RL, arXiv 2510.25889). */
export const FLOW_PPO: GradientMethod<FlowPpoConfig> = {
  format: 'nalu-flow-ppo-1',
  openPolicy: openFlowPpoPolicy,
};
