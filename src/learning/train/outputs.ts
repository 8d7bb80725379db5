import type { InferenceSession, Tensor } from '../../session/session.ts';
import type { BatchPart } from './trainer.ts';

/** The outputs of a graph for each part of a batch; `weights` are its other inputs. */
export async function outputsOf(
  session: InferenceSession,
  weights: Record<string, Tensor>,
  parts: readonly Pick<BatchPart, 'feeds'>[],
): Promise<Record<string, Tensor>[]> {
  const outputs: Record<string, Tensor>[] = [];
  for (const { feeds } of parts) outputs.push(await session.run({ ...weights, ...feeds() }));
  return outputs;
}
