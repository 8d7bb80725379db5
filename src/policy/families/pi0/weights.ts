import type { Shape } from '../../../onnx/dim.ts';
import { onceEach } from '../../../onceEach.ts';
import { shapesOf } from '../../paligemma/weights.ts';
import type { Pi0Config } from './config.ts';
import { sampleGraph } from './graphs.ts';

/** Names and shapes of all weights of a π0 of this configuration. */
export const weightShapes = onceEach((config: Pi0Config): ReadonlyMap<string, Shape> =>
  shapesOf((source) => sampleGraph(config, source, 'bytes')),
);
