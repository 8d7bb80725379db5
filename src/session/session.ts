import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor, env } from 'onnxruntime-node';
import { z } from 'zod';
import { UserError, messageOf } from '../errors.ts';
import { readYaml, validate } from '../validate.ts';
import { probeProvider, unbuilt } from './providerProbe.ts';
import { type Provider, REQUIREMENTS, asBound, providerName, providerSchema } from './providers.ts';

// What goes wrong is thrown, and told from there.
env.logLevel = 'fatal';

/** How ONNX Runtime is to run a graph. */
export const sessionConfigSchema = z
  .strictObject({
    /** In order of preference: a session runs on the first, what that lacks on the next, the rest on the CPU. */
    executionProviders: z.array(providerSchema).nonempty().default(['cpu']),
    /** Goes on without a provider that cannot be had, and says so, in the place of an error. */
    fallback: z.boolean().optional(),
    /** Threads of one operator. */
    threads: z.int().min(1).max(256).default(availableParallelism()),
  })
  .prefault({});

export type SessionConfig = z.infer<typeof sessionConfigSchema>;

const used = new WeakMap<InferenceSession, readonly Provider[]>();

/** The execution providers that a session was opened with, in order: those of its configuration that could be had. */
export const executionProvidersOf = (session: InferenceSession): string[] =>
  (used.get(session) ?? ['cpu']).map(providerName);

/** Reads how sessions are to run from a YAML file; the CPU and all its cores where none is given. */
export async function loadSessionConfig(path?: string): Promise<SessionConfig> {
  if (path === undefined) return sessionConfigSchema.parse(undefined);
  return validate(sessionConfigSchema, await readYaml(path), path);
}

const sessionOptions = (providers: readonly Provider[], { threads }: SessionConfig) =>
  ({
    executionProviders: providers.map(asBound),
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // One planned block for all of a run's tensors costs a training step 60 % more memory and saves no time.
    enableMemPattern: false,
    logSeverityLevel: 4,
  }) as const;

type Options = ReturnType<typeof sessionOptions>;

/** A provider that a session cannot have, and what a user is told of it. */
interface Fault {
  provider: Provider;
  text: string;
}

/** The providers that cannot be had, by a function that says why. */
async function faults(
  providers: readonly Provider[],
  faultOf: (provider: Provider) => string | undefined | Promise<string | undefined>,
): Promise<Fault[]> {
  const found: Fault[] = [];
  for (const provider of providers) {
    const reason = await faultOf(provider);
    const name = providerName(provider);
    if (reason !== undefined)
      found.push({
        provider,
        text: `execution provider ${name} cannot be had: ${reason}. It needs ${REQUIREMENTS[name]}.`,
      });
  }
  return found;
}

/** How the providers say that memory does not suffice. */
const MEMORY = /out.of.memory|bad_alloc|failed to allocate|CUDA failure 2\b|device.lost/i;
const SMALLER =
  'Its weights may not fit the memory: import the policy again with --precision float16 or --prefix-bits 8, close what else takes memory, or add cpu to executionProviders; nalu doctor BUNDLE compares the two';

const warned = new Set<string>();

function warnOnce(text: string) {
  if (!warned.has(text)) process.emitWarning(text);
  warned.add(text);
}

/** What is left of the providers without those that cannot be had, said aloud; throws where that is not wanted. */
function without(found: readonly Fault[], providers: readonly Provider[], fallback = false) {
  const left = providers.filter((provider) => !found.some((fault) => fault.provider === provider));
  const what = found.map(({ text }) => text).join('\n');
  if (!fallback)
    throw new UserError(
      `${what}\nnalu doctor says more. To go on without it: fallback: true in the session's YAML.`,
    );
  if (left.length === 0)
    throw new UserError(`${what}\nNo other is named: add cpu to executionProviders.`);
  warnOnce(`${what} Used in its place: ${left.map(providerName).join(', ')}`);
  return left;
}

/**
 * Opens a session on the first of the configured providers that can be had. ONNX Runtime itself
 * throws for a provider whose libraries or device are missing, but leaves one out that it was not
 * built with; both are a `UserError` here, or with `fallback` a warning.
 */
async function create(
  what: string,
  config: SessionConfig,
  open: (options: Options) => Promise<InferenceSession>,
): Promise<InferenceSession> {
  const { executionProviders, fallback } = config;
  const missing = await faults(executionProviders, unbuilt);
  let providers: readonly Provider[] =
    missing.length > 0 ? without(missing, executionProviders, fallback) : executionProviders;
  for (;;) {
    try {
      const session = await open(sessionOptions(providers, config));
      used.set(session, providers);
      return session;
    } catch (error) {
      const reason = messageOf(error).trim();
      const found = await faults(providers, probeProvider);
      const text = `${what}: ONNX Runtime cannot load it: ${reason}${MEMORY.test(reason) ? `. ${SMALLER}` : ''}`;
      const [provider, ...others] = providers;
      if (found.length > 0) providers = without(found, providers, fallback);
      else if (fallback && others.length > 0)
        providers = without(
          [{ provider, text: `${text} (${providerName(provider)})` }],
          providers,
          true,
        );
      else throw new UserError(text);
    }
  }
}

/**
 * Leaves weights in their file and in its type, to be widened at each use: of a policy in half precision
 * the CPU would else hold every matrix in float32, twice.
 */
const LEAN = {
  session: { disable_prepacking: '1' },
  optimization: {
    // The second widens float16 too, and fails where a loop's body takes what it has widened.
    disable_specified_optimizers: 'ConstantFolding;FuseFp16InitializerToFp32NodeTransformer',
  },
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
  return create(`a graph on the weights in ${folder}`, config, (options) =>
    InferenceSession.create(model, { ...options, extra }),
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
  return create(path, config, (options) => InferenceSession.create(path, options));
}

export { Tensor, type InferenceSession };
