import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Graph } from '../../src/onnx/graph.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { add, expand, multiply, reduceMean, reshape } from '../../src/onnx/operators.ts';

/** Rows of a chunk. */
export const HORIZON = 8;

export interface OnnxPolicyOptions {
  embodiment: string;
  joints: number;
  cameras: [string, ...string[]];
  width: number;
  height: number;
  layout?: 'CHW' | 'HWC';
  /** What the policy.json gets wrong, or has beside. */
  architecture?: object;
  fields?: object;
}

/**
 * Writes an exported policy as lerobot's ACT has its inputs and outputs: each row of its chunk is the state,
 * plus a thousandth of the images' mean.
 */
export async function writeOnnxPolicy(folder: string, options: OnnxPolicyOptions): Promise<void> {
  const { embodiment, joints, cameras, width, height, layout = 'CHW' } = options;
  const graph = new Graph('act');
  const state = graph.input('observation.state', 'float32', [1, joints]);
  const dims = layout === 'CHW' ? [1, 3, height, width] : [1, height, width, 3];
  const means = cameras.map((camera) =>
    reduceMean(graph.input(`observation.images.${camera}`, 'float32', dims), [1, 2, 3], false),
  );
  const seen = multiply(
    means.reduce((sum, mean) => add(sum, mean)),
    1e-3,
  );
  const row = add(state, reshape(seen, [1, 1]));
  graph.output('action', expand(reshape(row, [1, 1, joints]), [1, HORIZON, 1]));
  await writeModel(graph, join(folder, 'act.onnx'));
  const policy = {
    format: 1,
    name: 'exported',
    description: 'for tests',
    embodiment,
    cameras,
    executeSteps: HORIZON / 2,
    family: 'onnx',
    architecture: {
      model: 'act.onnx',
      horizon: HORIZON,
      actionDim: joints,
      stateDim: joints,
      state: 'observation.state',
      images: Object.fromEntries(
        cameras.map((camera) => [
          camera,
          { input: `observation.images.${camera}`, width, height, layout },
        ]),
      ),
      actions: 'action',
      ...options.architecture,
    },
    transforms: [],
    ...options.fields,
  };
  await writeFile(join(folder, 'policy.json'), JSON.stringify(policy));
}
