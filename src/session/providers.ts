import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

export const PROVIDER_NAMES = ['cpu', 'cuda', 'tensorrt', 'webgpu'] as const;
export type ProviderName = (typeof PROVIDER_NAMES)[number];

const deviceId = z.int().min(0).optional();

/**
 * An execution provider, by name or with the options that onnxruntime-node 1.30 passes on: the device for
 * CUDA and TensorRT, all options for WebGPU. TensorRT's own options (`trt_…`) need a binding built as
 * described in docs/jetson.md; the published one drops them.
 */
export const providerSchema = z.union([
  z.enum(PROVIDER_NAMES),
  z.strictObject({ name: z.literal('cpu') }),
  z.strictObject({ name: z.literal('cuda'), deviceId }),
  z
    .object({ name: z.literal('tensorrt'), deviceId })
    .catchall(z.union([z.string(), z.number(), z.boolean()]))
    .refine(
      (provider) => Object.keys(provider).every((key) => /^(name|deviceId|trt_\w+)$/.test(key)),
      "TensorRT's options are deviceId and those that begin with trt_",
    ),
  z.looseObject({ name: z.literal('webgpu') }),
]);

export type Provider = z.infer<typeof providerSchema>;

export const providerName = (provider: Provider): ProviderName =>
  typeof provider === 'string' ? provider : provider.name;

/** The command that downloads the CUDA and TensorRT libraries, which `npm ci` does not install. */
export const FETCH_CUDA =
  'ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js';

const HOW_TO_FETCH = `on Linux x64: ${FETCH_CUDA}; on Jetson: docs/jetson.md`;

/** Requirements of each provider, for the error where it is unavailable. */
export const REQUIREMENTS: Record<ProviderName, string> = {
  cpu: 'nothing beside onnxruntime-node',
  cuda: `an NVIDIA GPU, CUDA 12, cuDNN 9 and ONNX Runtime's CUDA libraries (${HOW_TO_FETCH})`,
  tensorrt: `an NVIDIA GPU, CUDA 12, TensorRT 10 and ONNX Runtime's TensorRT libraries (${HOW_TO_FETCH})`,
  webgpu:
    'a GPU with a Vulkan, Metal or Direct3D 12 driver, and onnxruntime-node for another platform than Linux arm64',
};

/** Cache folder of TensorRT's engines, which take minutes to build. */
export const engineCache = (env: NodeJS.ProcessEnv = process.env): string =>
  join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nalu', 'tensorrt');

/** Options as TensorRT's text, where true is 1. */
const optionText = (value: string | number | boolean) =>
  typeof value === 'boolean' ? String(Number(value)) : String(value);

/** TensorRT with its engine and timing caches on, unless the options set them. */
function withEngineCache(provider: Provider & ({ name: 'tensorrt' } | 'tensorrt')) {
  const { name, deviceId, ...options } =
    typeof provider === 'string' ? { name: provider, deviceId: undefined } : provider;
  const folder = engineCache();
  const all: Record<string, string | number | boolean> = {
    trt_engine_cache_enable: true,
    trt_engine_cache_path: folder,
    trt_timing_cache_enable: true,
    trt_timing_cache_path: folder,
    ...options,
  };
  mkdirSync(folder, { recursive: true });
  const texts = Object.entries(all).map(([key, value]) => [key, optionText(value)]);
  return { name, deviceId: deviceId ?? 0, ...(Object.fromEntries(texts) as object) };
}

/** A provider in the form that the binding takes. */
export function asBound(provider: Provider) {
  if (provider === 'tensorrt') return withEngineCache(provider);
  if (typeof provider === 'object' && provider.name === 'tensorrt')
    return withEngineCache(provider);
  return provider;
}
