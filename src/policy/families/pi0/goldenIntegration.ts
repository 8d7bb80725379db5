import type { Feeds } from '../../family.ts';
import { integrationTensor } from '../../integrationTensor.ts';

/**
 * Golden inputs as the graphs take them, with the number of network calls. Golden numbers of earlier bundles
 * have `steps` (int64 scalar) of Euler's method.
 */
export function goldenIntegration(inputs: Feeds): { feeds: Feeds; calls: number } {
  const { steps, ...rest } = inputs;
  if (!steps) return { feeds: rest, calls: rest.integration.dims[1] };
  const calls = Number((steps.data as BigInt64Array)[0]);
  return {
    feeds: { ...rest, integration: integrationTensor({ steps: calls, solver: 'euler' }) },
    calls,
  };
}
