import { z } from 'zod';
import type { ElementType } from '../../tensors/elementType.ts';
import { type ProviderName, providerName } from '../../session/providers.ts';
import type { SessionConfig } from '../../session/session.ts';

/**
 * The type in which a policy's large matrices are stored and, where the processor supports it, multiplied.
 * Norms, softmax, rotary embedding, the residual stream, and the projections of state, actions and time are
 * float32.
 */
export const precisionSchema = z.enum(['float32', 'float16', 'bfloat16']);

export type Precision = z.infer<typeof precisionSchema>;

/** Types other than float32 in which a provider multiplies matrices. */
const HALVES: Record<ProviderName, readonly Precision[]> = {
  cpu: [],
  webgpu: ['float16'],
  cuda: ['float16', 'bfloat16'],
  tensorrt: ['float16', 'bfloat16'],
};

/**
 * The type of a policy's matrix products on the session's first provider: the policy's own, or float16 on a
 * GPU that does not support it; undefined, which means float32, on the CPU.
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
