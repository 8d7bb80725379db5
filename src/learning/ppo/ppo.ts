import { type GradientMethod } from '../policyGradient/policyGradient.ts';
import type { TokenConfig, TokenMethod } from './config.ts';
import { openTokenPolicy } from './policy.ts';

/** PPO and GRPO on the tokens that a policy writes: they differ in what attempts are compared with. */
export const TOKEN_METHODS: Record<TokenMethod, GradientMethod<TokenConfig>> = {
  ppo: { format: 'nalu-ppo-1', openPolicy: openTokenPolicy },
  grpo: { format: 'nalu-grpo-1', openPolicy: openTokenPolicy },
};
