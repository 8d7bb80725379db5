import { join } from 'node:path';
import type { Graph } from '../../../onnx/graph.ts';
import { repeat, reshape } from '../../../onnx/operators.ts';
import type { Flow, FlowOptions, Learnable } from '../../learnable.ts';
import { type Pi0Config, hasStateToken } from './config.ts';
import { tokensPerImage } from '../../paligemma/config.ts';
import { denoise, keepTimes, projectTimes } from './expert.ts';
import { guided } from './guidance.ts';
import { integrate, integrationInput, observedCache, previousInputs } from './graphs.ts';
import { cacheInputs, openPrefixGraph } from '../../paligemma/prefixCache.ts';
import { prefixInputs } from '../../paligemma/prefixInputs.ts';
import type { Cache, Weights } from '../../paligemma/network.ts';
import { encodePrefix } from '../../paligemma/prefix.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { loadTokenizer } from './tokenizer.ts';
import { bundleWeights } from '../../paligemma/bundleWeights.ts';
import { inputWeights } from '../../paligemma/weights.ts';
import { trainableWeights } from '../../paligemma/trainable.ts';
import { EXPERT, trainableParameters } from './trainable.ts';
import { weightShapes } from './weights.ts';

const repeatCache = ({ layers, valid }: Cache, times: number): Cache => ({
  layers: layers.map(({ keys, values }) => ({
    keys: repeat(keys, times),
    values: repeat(values, times),
  })),
  valid: valid && repeat(valid, times),
});

function observe(graph: Graph, weights: Weights, config: Pi0Config, options: FlowOptions): Cache {
  const { observation, cameras, text, masked } = options;
  if (observation === 'cache')
    return cacheInputs(graph, config, cameras * tokensPerImage(config) + text);
  const inputs = prefixInputs(graph, config, 'bytes', masked, { cameras, text });
  return encodePrefix(weights, inputs, config);
}

function flowOf(config: Pi0Config, graph: Graph, options: FlowOptions): Flow {
  const weights = trainableWeights(inputWeights, options.trainable, EXPERT, 'beside')(graph);
  const prefix = observe(graph, weights, config, options);
  const cache = repeatCache(observedCache(graph, weights, prefix, config), options.samples);
  return {
    velocity(x, time, kept, towards) {
      const oneTime = projectTimes(weights, time, config);
      const projected = kept ? keepTimes(weights, oneTime, kept, config) : oneTime;
      const free = denoise(weights, x, projected, cache, config);
      if (!towards) return free;
      const { most, ...rows } = towards;
      const call = { time: reshape(time, [time.shape[0], 1, 1]), most };
      return guided(free, x, call, { kind: 'approximate', ...rows });
    },
    integrate(noise, joins) {
      const previous = joins && previousInputs(graph, joins, config);
      return integrate(weights, noise, integrationInput(graph), cache, config, { previous })
        .actions;
    },
  };
}

/** What learning needs of a π0 of this configuration. */
export function learnablePi0(config: Pi0Config): Learnable {
  const { horizon, actionDim, stateDim, maxTokens, vision, expert } = config;
  return {
    ...{ horizon, actionDim, stateDim, maxTokens, imageSize: vision.imageSize },
    hasState: hasStateToken(config),
    cache: { layers: expert.depth, heads: expert.kvHeads, headDim: expert.headDim },
    prefixLength: (cameras, text) => cameras * tokensPerImage(config) + text,
    parameters: (trainable) => trainableParameters(trainable, config),
    flow: (graph, options) => flowOf(config, graph, options),
    ...bundleWeights(() => weightShapes(config)),
    openPrefix: (bundle, session) => openPrefixGraph({ ...bundle, architecture: config }, session),
    unlike({ noise: { length } }) {
      const numbers = horizon * actionDim;
      return length === numbers
        ? undefined
        : `its chunks were made of ${length} numbers of noise, the policy's are of ${numbers}`;
    },
    loadTokenizer: (folder) => loadTokenizer(join(folder, TOKENIZER_FILE), config),
  };
}
