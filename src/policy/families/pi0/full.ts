import { ALOHA_CAMERAS } from '../../../robot/aloha.ts';
import type { Pi0Config } from './config.ts';
import type { BundleConfig } from '../../bundle/config.ts';

/** The published π0: PaliGemma (Gemma 2B, SigLIP So400m/14 at 224×224) and an expert of 300 million parameters. */
export const FULL: Omit<
  BundleConfig<Pi0Config>,
  'name' | 'description' | 'transforms' | 'precision'
> = {
  format: 1,
  embodiment: 'aloha',
  cameras: [...ALOHA_CAMERAS],
  integration: { steps: 10, solver: 'euler' },
  executeSteps: 25,
  family: 'pi0',
  architecture: {
    variant: 'pi0',
    vision: { width: 1152, depth: 27, mlp: 4304, heads: 16, patch: 14, imageSize: 224 },
    language: {
      width: 2048,
      depth: 18,
      mlp: 16_384,
      heads: 8,
      kvHeads: 1,
      headDim: 256,
      vocabulary: 257_152,
    },
    expert: { width: 1024, depth: 18, mlp: 4096, heads: 8, kvHeads: 1, headDim: 256 },
    maxTokens: 48,
    horizon: 50,
    actionDim: 32,
    stateDim: 32,
    minPeriod: 4e-3,
    maxPeriod: 4,
  },
};
