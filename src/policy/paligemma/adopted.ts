import { join } from 'node:path';
import type { View } from '../../images/view.ts';
import { elementCount } from '../../onnx/dim.ts';
import { Tensor } from '../../session/session.ts';
import { type Adapter, adaptedVersion } from '../bundle/adapter.ts';
import { WEIGHTS_FILE } from '../bundle/bundleFiles.ts';
import type { Bundle } from '../bundle/config.ts';
import type { Spread } from '../exploration.ts';
import type { Feeds } from '../family.ts';
import type { Offset } from '../offset.ts';
import type { Tickets } from '../ticket.ts';
import type { Parameter, Trainable } from '../trainable.ts';
import { loadWeights } from './weights.ts';

/** What a chunk is sampled with, and how it is signed. */
export interface Adopted extends Tickets {
  version: string;
  parameters: Feeds;
  view?: View;
  offset?: Offset;
  spread?: Spread;
}

/** An adapter's parameters as inputs of the graph, copied once: ONNX Runtime takes no shared memory. */
export function adopted(adapter: Adapter): Adopted {
  const tensors = [...adapter.parameters].map(([name, { shape, data }]) => {
    return [name, new Tensor('float32', new Float32Array(data), shape)];
  });
  return {
    version: adaptedVersion(adapter.base, adapter),
    parameters: Object.fromEntries(tensors) as Feeds,
    view: adapter.view,
    offset: adapter.offset,
    spread: adapter.spread,
    ticket: adapter.ticket,
    tickets: adapter.tickets,
  };
}

/** The values of `parameters` to begin with, without an adapter: the bundle's own weights, or LoRA factors of zero. */
export async function initialParameters(
  { folder, base }: Pick<Bundle, 'folder' | 'base'>,
  parameters: readonly Parameter[],
  trainable: Trainable,
): Promise<Adopted> {
  const names = parameters.map(({ name }) => name);
  const loaded =
    trainable.parameters === 'lora'
      ? undefined
      : await loadWeights(join(folder, WEIGHTS_FILE), names);
  const tensors = parameters.map(({ name, shape }) => {
    const data = loaded?.get(name) ?? new Float32Array(elementCount(shape) as number);
    return [name, new Tensor('float32', data, shape)];
  });
  return { version: base, parameters: Object.fromEntries(tensors) as Feeds };
}
