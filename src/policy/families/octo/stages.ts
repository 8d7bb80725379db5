import { Graph } from '../../../onnx/graph.ts';
import { type SessionConfig, Tensor } from '../../../session/session.ts';
import { gaussianNoise, uniformNumbers } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { Feeds } from '../../family.ts';
import { runOnWeights } from '../../paligemma/openOnWeights.ts';
import { type OctoConfig, chunkSize } from './config.ts';
import { inputNames, sampled } from './graphs.ts';
import { wholeText } from './instruction.ts';
import { observationInputs, openText } from './sampler.ts';

const SEED = 20_261_130;

/** What of a sample is compared, in order. */
export const stagesOf = ({ language }: OctoConfig): string[] => [
  ...(language?.encoder ? ['language'] : []),
  'tokens',
  'outputs',
  'actions',
];

/** Inputs of any policy of these dimensions: random pictures, a random instruction and noise, always the same. */
export function goldenInputs({ architecture: config }: Bundle<OctoConfig>): Feeds {
  const { images, language, head } = config;
  const pictures = images.map(({ name, imageSize: side }, i) => {
    const draw = uniformNumbers([SEED, i]);
    const bytes = Uint8Array.from({ length: 3 * side * side }, () => 256 * draw());
    return [inputNames(name).image, new Tensor('uint8', bytes, [1, 1, side, side, 3])] as const;
  });
  const noise = (index: number, dims: number[]) =>
    new Tensor('float32', gaussianNoise([SEED, images.length + index], dims.reduce((a, b) => a * b)), dims); // prettier-ignore
  return {
    ...Object.fromEntries(pictures),
    ...instructionOf(language, noise),
    noise: noise(1, [1, chunkSize(config)]),
    draws: noise(2, [head.steps, 1, chunkSize(config)]),
  };
}

/** Tokens for a policy's text encoder, or an embedding. */
function instructionOf(
  language: OctoConfig['language'],
  noise: (index: number, dims: number[]) => Tensor,
): Feeds {
  if (!language) return {};
  const { tokens: count, width, encoder } = language;
  if (!encoder) return { language: noise(0, [1, count, width]) };
  const draw = uniformNumbers([SEED, count]);
  const ids = BigInt64Array.from({ length: count }, () =>
    BigInt(Math.floor(encoder.vocabulary * draw())),
  );
  return { tokens: new Tensor('int64', ids, [1, count]) };
}

/** Computes the stages, and says on which providers. */
export async function runStages(
  bundle: Bundle<OctoConfig>,
  session: SessionConfig,
  { tokens, ...inputs }: Feeds,
): Promise<{ outputs: Feeds; providers: string[] }> {
  const config = bundle.architecture;
  const text = await openText(bundle, session);
  try {
    const language: Feeds = text ? { ...(await text.run(wholeText(tokens))) } : {};
    const feeds = { ...observationInputs(config)([]), ...language, ...inputs };
    const found = await runOnWeights(bundle, session, feeds, (weights, products) => {
      const stages = new Graph('stages', undefined, products);
      const { sequence, outputs, chunk } = sampled(stages, weights, config);
      stages.output('tokens', sequence);
      stages.output('outputs', outputs);
      stages.output('actions', chunk);
      return stages;
    });
    return { ...found, outputs: { ...language, ...found.outputs } };
  } finally {
    await text?.release();
  }
}
