import { readdir } from 'node:fs/promises';
import {
  FETCH_CUDA,
  PROVIDER_NAMES,
  type Provider,
  type ProviderName,
  REQUIREMENTS,
  engineCache,
  providerName,
} from '../session/providers.ts';
import { REINSTALL } from '../terminal/invocation.ts';
import { findingsOf, needed } from './finding.ts';
import { hasNvidiaDriver, hasRenderNode, nvidiaGpus, vulkanDrivers } from './gpu.ts';
import type { SamplingModel } from './policy.ts';
import { probe } from './probe.ts';
import { type Finding } from './finding.ts';

const { ok, lack, absent } = findingsOf('ONNX Runtime');

/** The hardware that determines which execution providers are useful. */
export interface Hardware {
  nvidia: boolean;
  jetson: boolean;
  /** A GPU with a Vulkan driver. */
  vulkan: boolean;
}

/** Number of a model's operators by where ONNX Runtime placed them, from its log as a session is opened. */
export function parsePlacements(log: string): Map<string, number> {
  const lines = log.matchAll(/placed on \[(\w+)ExecutionProvider\]\. Number of nodes: (\d+)/g);
  return new Map([...lines].map(([, name, count]) => [name.toLowerCase(), Number(count)]));
}

/** A library that a provider did not find, from ONNX Runtime's log. */
export const missingLibrary = (log: string): string | undefined =>
  /error: (?:\S*\/)?([^\s/:]+\.so[.\d]*): cannot open shared object file/.exec(log)?.[1];

/** The remedy for an unavailable provider, from its probe's log. */
export function remedy(name: ProviderName, hardware: Hardware, log: string): string {
  if (name === 'webgpu')
    return process.platform === 'linux' && process.arch === 'arm64'
      ? 'nothing: onnxruntime-node has no WebGPU for Linux arm64'
      : "install your GPU's Vulkan driver, then look at vulkaninfo --summary";
  if (hardware.jetson) return 'build onnxruntime-node for this JetPack: docs/jetson.md';
  const library = missingLibrary(log);
  if (library === undefined || library.startsWith('libonnxruntime_providers')) return FETCH_CUDA;
  return `install what has ${library} (CUDA 12, cuDNN 9${name === 'tensorrt' ? ', TensorRT 10' : ''}), and let LD_LIBRARY_PATH name its folder`;
}

const isWanted = (name: ProviderName, { nvidia, jetson, vulkan }: Hardware) =>
  name === 'webgpu' ? vulkan && !jetson : nvidia || jetson;

/** Makes a policy's sampling graph. */
type Sampling = () => Promise<SamplingModel>;

/** Describes how many of a model's operators a provider computes. */
async function share(name: ProviderName, provider: Provider, sampling: Sampling) {
  const model = await sampling();
  const { error, stderr } = await probe('placement', { ...model, provider });
  if (error !== undefined) return `, but does not load ${model.folder}: ${error.trim()}`;
  const placed = parsePlacements(stderr);
  const all = [...placed.values()].reduce((sum, count) => sum + count, 0);
  return all > 0 ? `; of the policy's ${all} operators it computes ${placed.get(name) ?? 0}` : '';
}

/** Describes whether the engine built for the probe is in the cache. */
async function enginesKept(provider: Provider): Promise<string> {
  const folder =
    typeof provider === 'object' && 'trt_engine_cache_path' in provider
      ? String(provider.trt_engine_cache_path)
      : engineCache();
  const files = await readdir(folder).catch(() => []);
  return files.length > 0
    ? `; engines are kept in ${folder}`
    : '; this binding keeps no engines, so they are built at each start (docs/jetson.md)';
}

/** Details about a provider that works. */
function more(name: ProviderName, provider: Provider, sampling: Sampling | undefined) {
  // TensorRT fuses many operators into one, which takes minutes.
  if (name === 'tensorrt') return enginesKept(provider);
  return name === 'cpu' || sampling === undefined ? '' : share(name, provider, sampling);
}

async function providerFinding(
  name: ProviderName,
  hardware: Hardware,
  named: readonly Provider[],
  sampling: Sampling | undefined,
): Promise<Finding> {
  const configured = named.find((provider) => providerName(provider) === name);
  const provider = configured ?? name;
  const { value, error, stderr } = await probe('provider', provider);
  const fault = error ?? value;
  if (fault === undefined)
    return ok(name, `a product of matrices is right${await more(name, provider, sampling)}`);
  const library = missingLibrary(stderr);
  const found = library === undefined ? fault : `${fault} (${library} is not found)`;
  if (name === 'cpu') return lack(name, found, REINSTALL);
  if (configured !== undefined || isWanted(name, hardware))
    return lack(name, found, remedy(name, hardware, stderr));
  return absent(name, `${found}; it needs ${REQUIREMENTS[name].replace(/ \(.*\)/, '')}`);
}

/** A Jetson's GPU may be there without nvidia-smi. */
function noNvidiaSmi(jetson: boolean): Finding {
  const { ok, lack, absent } = findingsOf('GPU');
  if (jetson) return ok('NVIDIA', "the Jetson's");
  return hasNvidiaDriver()
    ? lack(
        'NVIDIA',
        'a driver, but nvidia-smi does not answer',
        'run nvidia-smi and mend what it says',
      )
    : absent('NVIDIA', 'no driver and no nvidia-smi');
}

async function gpuFindings(jetson: boolean) {
  const { ok, absent } = findingsOf('GPU');
  const [gpus, drivers] = await Promise.all([nvidiaGpus(), vulkanDrivers()]);
  const nvidia = gpus.map(({ name, driver, memory, computeCapability }) =>
    ok(
      'NVIDIA',
      [
        name,
        memory !== undefined && `${memory} MiB`,
        driver !== undefined && `driver ${driver}`,
        computeCapability !== undefined && `sm_${computeCapability.replace('.', '')}`,
      ]
        .filter(Boolean)
        .join(', '),
    ),
  );
  const vulkan =
    drivers.length > 0
      ? ok('Vulkan', drivers.map((path) => path.replace(/.*\/|\.json$/g, '')).join(', '))
      : absent('Vulkan', 'no driver');
  return {
    findings: [...(nvidia.length > 0 ? nvidia : [noNvidiaSmi(jetson)]), vulkan],
    nvidia: nvidia.length > 0 || hasNvidiaDriver(),
    vulkan: drivers.length > 0 && hasRenderNode(),
  };
}

/**
 * Examines the GPUs, ONNX Runtime, and each execution provider separately. `named` are the providers of a session's
 * configuration: if one of these, or the CPU, is unavailable, the finding is a lack. `sampling` makes a policy's graph; the
 * share of it that a provider computes is determined without running it.
 */
export async function acceleratorFindings(
  named: readonly Provider[],
  jetson: boolean,
  sampling: Sampling | undefined,
): Promise<Finding[]> {
  const [{ findings, nvidia, vulkan }, runtime] = await Promise.all([
    gpuFindings(jetson),
    probe('runtime'),
  ]);
  if (runtime.value === undefined)
    return [
      ...findings,
      needed(lack('onnxruntime-node', `does not load: ${runtime.error}`, REINSTALL)),
    ];
  const { version, built } = runtime.value;
  const hardware = { nvidia, vulkan, jetson };
  const providers: Finding[] = [];
  for (const name of PROVIDER_NAMES)
    providers.push(await providerFinding(name, hardware, named, sampling));
  const [cpu, ...others] = providers;
  return [
    ...findings,
    needed(ok('onnxruntime-node', `${version}, built with ${built.join(', ')}`)),
    needed(cpu),
    ...others,
  ];
}
