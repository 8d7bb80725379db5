import { z } from 'zod';
import type { ElementType } from '../../tensors/elementType.ts';
import { type ProviderName, providerName } from '../../session/providers.ts';
import type { SessionConfig } from '../../session/session.ts';

/**
 * In what a policy's large matrices are stored, and multiplied where the processor can. Norms, softmax,
 * rotary embedding, the residual stream, and the projections of state, actions and time are float32.
 */
export const precisionSchema = z.enum(['float32', 'float16', 'bfloat16']);

export type Precision = z.infer<typeof precisionSchema>;

/** Types of matrix products that a provider has, beside float32. */
const HALVES: Record<ProviderName, readonly Precision[]> = {
  cpu: [],
  webgpu: ['float16'],
  cuda: ['float16', 'bfloat16'],
  tensorrt: ['float16', 'bfloat16'],
};

/**
 * Type in which a policy's matrix products are computed on the session's first provider: the policy's,
 * failing that float16 on a GPU; float32, which is undefined, on the CPU.
 */
export function productsFor(
  precision: Precision,
  { executionProviders: [first] }: SessionConfig,
): ElementType | undefined {
  if (precision === 'float32') return undefined;
  const halves = HALVES[providerName(first)];
  return halves.includes(precision) ? precision : halves.at(0);
}

/** Types of a policy's weights and of its matrix products on the session's first provider, in words. */
export function describePrecision(precision: Precision, session: SessionConfig): string {
  const products = productsFor(precision, session) ?? 'float32';
  return products === precision ? precision : `${precision} weights, ${products} products`;
}

/** Whether a policy's weights would take more memory on the session's provider than in their file. */
export const widens = (precision: Precision, session: SessionConfig): boolean =>
  precision !== 'float32' && productsFor(precision, session) === undefined;
