import { ALOHA_CAMERAS } from '../../../robot/aloha.ts';
import type { Pi0Config } from './config.ts';
import { MINI_PALIGEMMA } from '../../paligemma/mini.ts';
import type { BundleConfig } from '../../bundle/config.ts';

/** A π0 of about two million parameters for the simulated ALOHA: it learns and samples on a CPU. */
export const MINI: Omit<BundleConfig<Pi0Config>, 'name' | 'description' | 'transforms'> = {
  format: 1,
  embodiment: 'aloha',
  cameras: [...ALOHA_CAMERAS],
  integration: { steps: 2, solver: 'euler' },
  executeSteps: 40,
  precision: 'float32',
  family: 'pi0',
  architecture: {
    variant: 'pi0',
    ...MINI_PALIGEMMA,
    expert: { width: 128, depth: 4, mlp: 256, heads: 4, kvHeads: 1, headDim: 32 },
    maxTokens: 24,
    horizon: 50,
    actionDim: 14,
    stateDim: 14,
    minPeriod: 4e-3,
    maxPeriod: 4,
  },
};
