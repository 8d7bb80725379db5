import { join } from 'node:path';
import { UserError } from '../../../errors.ts';
import { readModelInterface } from '../../../onnx/modelInterface.ts';
import {
  type InferenceSession,
  type SessionConfig,
  executionProvidersOf,
  openSession,
} from '../../../session/session.ts';
import { gaussianNoise, uniformNumbers } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import { type FamilySampler, type Feeds, NOTHING_TO_LEARN, type SamplerOptions } from '../../family.ts'; // prettier-ignore
import { createSampling } from '../../sampling.ts';
import { makeTransforms } from '../../vectors/transforms.ts';
import type { OnnxArchitecture } from './architecture.ts';
import { imageInput, stateInput } from './inputs.ts';

type OnnxBundle = Bundle<OnnxArchitecture>;

const NO_NOISE = new Float32Array();

const modelPath = ({ folder, architecture }: OnnxBundle) => join(folder, architecture.model);

/** Makes the inputs of images, by the model's names, from pixels in the order of the cameras. */
async function imageInputs(bundle: OnnxBundle) {
  const { inputs } = await readModelInterface(modelPath(bundle));
  const makers = bundle.cameras.map((camera) => {
    const image = bundle.architecture.images[camera];
    const port = inputs.find(({ name }) => name === image.input);
    return { name: image.input, make: imageInput(image, port?.type === 'uint8' ? 'uint8' : 'float32') }; // prettier-ignore
  });
  return (pictures: readonly Uint8Array[]): Feeds =>
    Object.fromEntries(makers.map(({ name, make }, i) => [name, make(pictures[i])]));
}

/** The chunk that a model computes. Throws a `UserError` for one of another size than policy.json says. */
async function runModel(graph: InferenceSession, bundle: OnnxBundle, feeds: Feeds) {
  const { actions, horizon, actionDim } = bundle.architecture;
  const { data, dims } = (await graph.run(feeds, [actions]))[actions];
  if (data.length !== horizon * actionDim)
    throw new UserError(
      `${modelPath(bundle)}: its output ${actions} is [${dims.join(', ')}], policy.json makes it [1, ${horizon}, ${actionDim}]; correct horizon and actionDim there`,
      { kind: 'mismatch', subject: modelPath(bundle), fields: ['horizon', 'actionDim'] },
    );
  return data as Float32Array;
}

/** Opens a sampler on an exported model: no noise, no flow, nothing that learns. */
export async function openOnnx(
  bundle: OnnxBundle,
  { session, scaler }: SamplerOptions,
): Promise<FamilySampler> {
  const { architecture, version } = bundle;
  const imagesOf = await imageInputs(bundle);
  const graph = await openSession(modelPath(bundle), session);
  const transforms = makeTransforms(bundle.transforms, bundle.shape);
  const { images, sample } = createSampling(bundle, scaler, (feeds) =>
    runModel(graph, bundle, feeds),
  );
  return {
    executionProviders: executionProvidersOf(graph),
    see: images.see,
    async sample(request) {
      const { state, noise, absent = [] } = request;
      if (noise !== 'zero' && noise.exploration)
        throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
      if (absent.length > 0)
        throw new UserError(`there is no image of ${bundle.cameras[absent[0]]}, and this policy reads all of its cameras`, { kind: 'missing', fields: [bundle.cameras[absent[0]]] }); // prettier-ignore
      return sample(request, () => ({
        feeds: {
          ...imagesOf(images.pictures),
          ...stateInput(architecture, transforms.state(state)),
        },
        chunk: (actions) => ({
          actions: transforms.actions(actions, state),
          noise: NO_NOISE,
          horizon: architecture.horizon,
          policyVersion: version,
        }),
      }));
    },
    adopt() {
      throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
    },
    goldenChunk: (inputs) => runModel(graph, bundle, inputs),
    close: () => graph.release(),
  };
}

const SEED = 20_261_128;

/** Random pictures and a random state, always the same. */
export async function goldenInputs(bundle: OnnxBundle): Promise<Feeds> {
  const { architecture, cameras } = bundle;
  const imagesOf = await imageInputs(bundle);
  const pictures = cameras.map((camera, i) => {
    const { width, height } = architecture.images[camera];
    const draw = uniformNumbers([SEED, i]);
    return Uint8Array.from({ length: 3 * width * height }, () => 256 * draw());
  });
  const state = gaussianNoise([SEED, cameras.length], architecture.stateDim);
  return { ...imagesOf(pictures), ...stateInput(architecture, state) };
}

/** Runs the model on golden inputs; its chunk is the only stage. */
export async function runGolden(bundle: OnnxBundle, session: SessionConfig, inputs: Feeds) {
  const graph = await openSession(modelPath(bundle), session);
  try {
    const result = await graph.run(inputs, [bundle.architecture.actions]);
    return {
      outputs: { actions: result[bundle.architecture.actions] },
      providers: executionProvidersOf(graph),
    };
  } finally {
    await graph.release();
  }
}
