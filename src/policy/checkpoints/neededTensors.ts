import type { Shape } from '../../onnx/dim.ts';

/** The tensors of a policy. */
export interface Needed {
  shapes: ReadonlyMap<string, Shape>;
  /** Those of published checkpoints that no chunk depends on. */
  unused: readonly RegExp[];
  /** The family's, in messages. */
  title: string;
}
