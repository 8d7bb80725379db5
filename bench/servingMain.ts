import { startServer } from '../src/openpi/server.ts';
import { layoutOf } from '../src/openpi/layouts.ts';
import type { Chunk } from '../src/policy/chunkPolicy.ts';
import { whenLeftAlone } from '../src/processes/exits.ts';

/** Nalu's server with a policy that does nothing, at a free port, which its parent is told. Ends with its parent. */
const [HORIZON, JOINTS, SIDE] = [50, 14, 224];
const cameras: [string, ...string[]] = ['cam_high', 'cam_left_wrist', 'cam_right_wrist'];
const images = cameras.map(() => ({ width: SIDE, height: SIDE }));
const shape = { horizon: HORIZON, actionDim: JOINTS, stateDim: JOINTS, images };
const { layout } = layoutOf({ embodiment: 'aloha', cameras, transforms: [], shape });
const chunk: Chunk = {
  actions: new Float32Array(HORIZON * JOINTS),
  noise: new Float32Array(),
  horizon: HORIZON,
  policyVersion: 'stub',
  timing: { preprocess: 0, run: 0, total: 0 },
};
const { url } = await startServer({
  host: '127.0.0.1',
  port: 0,
  served: {
    policy: { sample: () => Promise.resolve(chunk) },
    layout,
    metadata: {
      ...{ name: 'stub', version: 'stub', embodiment: 'aloha', layout: 'aloha', cameras },
      images: images.map(({ width, height }): [number, number] => [height, width]),
      ...{ joints: JOINTS, actions: JOINTS, horizon: HORIZON, executeSteps: 25, join: 'swap' },
    },
    nextSeed: () => 0,
    onProblem: (client, problem) => console.error(client, problem),
  },
  onClient: () => undefined,
});
process.send!(url);
whenLeftAlone(() => process.exit());
