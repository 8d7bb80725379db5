import { access } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor, env } from 'onnxruntime-node';
import { z } from 'zod';
import { UserError, messageOf } from '../errors.ts';
import { readYaml, validate } from '../validate.ts';
import { warn } from '../warnings.ts';
import { probeProvider, unbuilt } from './providerProbe.ts';
import { type Provider, REQUIREMENTS, asBound, providerName, providerSchema } from './providers.ts';

// ONNX Runtime's log is silenced: errors are thrown and reported by the caller.
env.logLevel = 'fatal';

/** Configuration of ONNX Runtime sessions. */
export const sessionConfigSchema = z
  .strictObject({
    /** In order of preference. Operators that the first lacks run on the next, and finally on the CPU. */
    executionProviders: z.array(providerSchema).nonempty().default(['cpu']),
    /** Warn about an unavailable provider and continue without it, instead of throwing. */
    fallback: z.boolean().optional(),
    /**
     * Layers of a policy by standard operators, or by ONNX Runtime's fused ones, which are a third as many; absent:
     * as is best for the first provider.
     */
    kernels: z.enum(['plain', 'fused']).optional(),
    /** Threads per operator. */
    threads: z.int().min(1).max(256).default(availableParallelism()),
  })
  .prefault({});

export type SessionConfig = z.infer<typeof sessionConfigSchema>;

const used = new WeakMap<InferenceSession, readonly Provider[]>();

/** The execution providers that a session uses, in order: the available ones of its configuration. */
export const executionProvidersOf = (session: InferenceSession): string[] =>
  (used.get(session) ?? ['cpu']).map(providerName);

/** Reads a session configuration from a YAML file; without one, the CPU with all its cores. */
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
    // The memory pattern takes 60 % more memory in a training step and saves no time.
    enableMemPattern: false,
    logSeverityLevel: 4,
  }) as const;

type Options = ReturnType<typeof sessionOptions>;

/** An unavailable provider and the reason shown to the user. */
interface Fault {
  provider: Provider;
  text: string;
}

/** The unavailable providers; `fault` returns why one is, or undefined. */
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

/** The providers' messages for running out of memory. */
const MEMORY = /out.of.memory|bad_alloc|failed to allocate|CUDA failure 2\b|device.lost/i;
const SMALLER =
  'Its weights may not fit the memory: import the policy again with --precision float16 or --prefix-bits 8, close what else takes memory, or add cpu to executionProviders; nalu doctor BUNDLE compares the two';

const warned = new Set<string>();

function warnOnce(text: string) {
  if (!warned.has(text)) warn(text);
  warned.add(text);
}

/** The available providers, with a warning about the others; throws unless `fallback` allows that. */
function without(found: readonly Fault[], providers: readonly Provider[], fallback = false) {
  const left = providers.filter((provider) => !found.some((fault) => fault.provider === provider));
  const what = found.map(({ text }) => text).join('\n');
  if (!fallback)
    throw new UserError(
      `${what}\nnalu doctor says more. To go on without it: fallback: true in the session's YAML.`,
      { kind: 'unsupported', fields: found.map(({ provider }) => providerName(provider)) },
    );
  if (left.length === 0)
    throw new UserError(`${what}\nNo other is named: add cpu to executionProviders.`, {
      kind: 'unsupported',
      fields: found.map(({ provider }) => providerName(provider)),
    });
  warnOnce(`${what} Used in its place: ${left.map(providerName).join(', ')}`);
  return left;
}

/**
 * Opens a session on the first available provider of the configuration. ONNX Runtime throws if a provider's
 * libraries or device are missing, but silently skips one that it was not built with. Here both are a
 * `UserError`, or a warning with `fallback`.
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
      else throw new UserError(text, { kind: 'unsupported', subject: what });
    }
  }
}

/**
 * Leaves weights in their file, in their own type, and widens them at each use. Otherwise the CPU would hold
 * every matrix of a half-precision policy twice in float32.
 */
const LEAN = { disable_prepacking: '1' };

/** Widens float16 weights as constants are folded anyway, and fails if a loop's body uses the widened value. */
const UNUSED_OPTIMIZER = 'FuseFp16InitializerToFp32NodeTransformer';

/**
 * Opens an ONNX model from bytes; its external weights are in `folder`. `lean` uses them from the file
 * instead of copying them. Throws a `UserError`.
 */
export function openModel(
  model: Uint8Array,
  config: SessionConfig,
  folder = '.',
  { lean = false } = {},
): Promise<InferenceSession> {
  const place = { model_external_initializers_file_folder_path: folder };
  const left = lean ? `ConstantFolding;${UNUSED_OPTIMIZER}` : UNUSED_OPTIMIZER;
  const extra = {
    session: { ...place, ...(lean && LEAN) },
    optimization: { disable_specified_optimizers: left },
  };
  return create(`a graph on the weights in ${folder}`, config, (options) =>
    InferenceSession.create(model, { ...options, extra }),
  );
}

/** Opens an ONNX file. Throws a `UserError` that names what is missing: file, provider or weights. */
export async function openSession(
  path: string,
  config: SessionConfig = sessionConfigSchema.parse(undefined),
): Promise<InferenceSession> {
  await access(path).catch(() => {
    throw new UserError(`${path}: no such model file. Is the bundle complete?`, {
      kind: 'missing',
      subject: path,
    });
  });
  return create(path, config, (options) => InferenceSession.create(path, options));
}

export { Tensor, type InferenceSession };
