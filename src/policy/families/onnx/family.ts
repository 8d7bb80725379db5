import { dirname, join } from 'node:path';
import { access, constants } from 'node:fs/promises';
import { UserError, listed } from '../../../errors.ts';
import { type ModelInterface, readModelInterface } from '../../../onnx/modelInterface.ts';
import type { PolicyFamily, StoredWeights } from '../../family.ts';
import { type OnnxArchitecture, cameraFaults, onnxArchitectureSchema } from './architecture.ts';
import { modelFaults } from './modelFaults.ts';
import { goldenInputs, openOnnx, runGolden } from './sampler.ts';

interface OnnxWeights extends StoredWeights {
  model: ModelInterface;
}

/** Any exported policy: one ONNX graph from an observation to a chunk, such as lerobot's ACT. */
export const onnx: PolicyFamily<OnnxArchitecture> = {
  name: 'onnx',
  architecture: onnxArchitectureSchema,
  faults: cameraFaults,
  shape: ({ horizon, actionDim, stateDim, images }, cameras) => ({
    horizon,
    actionDim,
    stateDim,
    images: cameras.map((camera) => {
      const { width, height } = images[camera] ?? { width: 0, height: 0 };
      return { width, height };
    }),
  }),
  joins: [],
  ignoresNoise: () => true,
  files: [],
  samplingModel: ({ folder, architecture: { model } }) => Promise.resolve(join(folder, model)),
  async weights(folder, { model: file }): Promise<OnnxWeights> {
    const path = join(folder, file);
    const model = await readModelInterface(path);
    const external = model.external.map((name) => join(dirname(path), name));
    for (const name of external)
      await access(name, constants.R_OK).catch(() => {
        throw new UserError(
          `${name}: cannot be read; ${file} has its weights there: put the file beside it`,
          { kind: 'missing', subject: name },
        );
      });
    return { files: [path, ...external], model };
  },
  check(folder, { architecture }, weights) {
    const faults = modelFaults(architecture, (weights as OnnxWeights).model);
    if (faults.length > 0)
      throw new UserError(
        `${join(folder, architecture.model)} does not fit its policy.json:${listed(faults)}`,
        { kind: 'mismatch', subject: join(folder, architecture.model) },
      );
    return Promise.resolve({ isPacked: false });
  },
  open: openOnnx,
  golden: { names: () => ['actions'], inputs: goldenInputs, run: runGolden },
};
