import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor, env, listSupportedBackends } from 'onnxruntime-node';
import { z } from 'zod';
import { UserError, messageOf } from '../errors.ts';
import { readYaml, validate } from '../validate.ts';

// What goes wrong is thrown, and told from there.
env.logLevel = 'fatal';

/** How ONNX Runtime is to run a graph. */
export const sessionConfigSchema = z
  .strictObject({
    /** In order of preference; options go to the provider as they are. */
    executionProviders: z
      .array(
        z.union([
          z.enum(['cpu', 'cuda', 'tensorrt', 'webgpu']),
          z.looseObject({ name: z.enum(['cpu', 'cuda', 'tensorrt', 'webgpu']) }),
        ]),
      )
      .nonempty()
      .default(['cpu']),
    /** Threads of one operator. */
    threads: z.int().min(1).max(256).default(availableParallelism()),
  })
  .prefault({});

export type SessionConfig = z.infer<typeof sessionConfigSchema>;

export const providerName = (provider: string | { name: string }) =>
  typeof provider === 'string' ? provider : provider.name;

/** The execution providers in order: a session runs on the first, what it lacks on the next; none is left out. */
export const describeProviders = ({ executionProviders }: SessionConfig): string =>
  executionProviders.map(providerName).join(', ');

/** Fetches the CUDA and TensorRT libraries, which `npm ci` leaves out. */
const FETCH_CUDA =
  'on Linux x64: ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js; on Jetson, build its Node binding from source';

/** What each provider needs, for the message when it cannot be had. */
const REQUIREMENTS: Record<string, string> = {
  cuda: `an NVIDIA GPU, CUDA 12, cuDNN and ONNX Runtime's CUDA libraries (${FETCH_CUDA})`,
  tensorrt: `an NVIDIA GPU, TensorRT and ONNX Runtime's TensorRT libraries (${FETCH_CUDA})`,
  webgpu: 'a GPU with a Vulkan, Metal or Direct3D 12 driver',
};

/** Reads how sessions are to run from a YAML file; the CPU and all its cores where none is given. */
export async function loadSessionConfig(path?: string): Promise<SessionConfig> {
  if (path === undefined) return sessionConfigSchema.parse(undefined);
  return validate(sessionConfigSchema, await readYaml(path), path);
}

function checkProviders({ executionProviders }: SessionConfig): void {
  const built = listSupportedBackends().map(({ name }) => name);
  for (const name of executionProviders.map(providerName)) {
    if (!built.includes(name)) {
      throw new UserError(
        `execution provider ${name} is not in this onnxruntime-node (it has ${built.join(', ')}). It needs ${REQUIREMENTS[name]}.`,
      );
    }
  }
}

const sessionOptions = ({ executionProviders, threads }: SessionConfig) =>
  ({
    executionProviders,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // One planned block for all of a run's tensors costs a training step 60 % more memory and saves no time.
    enableMemPattern: false,
    logSeverityLevel: 4,
  }) as const;

async function create(what: string, config: SessionConfig, open: () => Promise<InferenceSession>) {
  checkProviders(config);
  try {
    return await open();
  } catch (error) {
    const providers = config.executionProviders.map(providerName).filter((name) => name !== 'cpu');
    const needs = providers.map((name) => ` ${name} needs ${REQUIREMENTS[name]}.`).join('');
    throw new UserError(`${what}: ONNX Runtime cannot load it: ${messageOf(error)}.${needs}`);
  }
}

/**
 * Leaves weights in their file and in its type, to be widened at each use: of a policy in half precision
 * the CPU would else hold every matrix in float32, twice.
 */
const LEAN = {
  session: { disable_prepacking: '1' },
  optimization: { disable_specified_optimizers: 'ConstantFolding' },
};

/**
 * Opens an ONNX model's bytes; weights that it points to lie in `folder`, and are used from there where
 * it is to be `lean`. Throws a `UserError`.
 */
export function openModel(
  model: Uint8Array,
  config: SessionConfig,
  folder = '.',
  { lean = false } = {},
): Promise<InferenceSession> {
  const { session, optimization } = lean ? LEAN : {};
  const place = { model_external_initializers_file_folder_path: folder };
  const extra = { session: { ...place, ...session }, ...(optimization && { optimization }) };
  return create(`a graph on the weights in ${folder}`, config, () =>
    InferenceSession.create(model, { ...sessionOptions(config), extra }),
  );
}

/** Opens an ONNX file. Throws a `UserError` that says what is missing: file, provider or weights. */
export async function openSession(
  path: string,
  config: SessionConfig = sessionConfigSchema.parse(undefined),
): Promise<InferenceSession> {
  await access(path).catch(() => {
    throw new UserError(`${path}: no such model file. Is the bundle complete?`);
  });
  return create(path, config, () => InferenceSession.create(path, sessionOptions(config)));
}

export { Tensor, type InferenceSession };
