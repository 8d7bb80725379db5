import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** An NVIDIA GPU as its driver describes it; fields without a value are undefined, such as a Jetson's memory. */
export interface NvidiaGpu {
  name: string;
  driver?: string;
  /** MiB */
  memory?: number;
  computeCapability?: string;
}

const QUERY = 'name,driver_version,memory.total,compute_cap';
const known = (field: string | undefined) =>
  field === undefined || /^\[?(N\/A|Not Supported)\]?$/i.test(field) ? undefined : field;

/** Reads `nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader,nounits`. */
export function parseNvidiaSmi(csv: string): NvidiaGpu[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length > 1)
    .map(([name, driver, memory, capability]) => ({
      name,
      driver: known(driver),
      memory: known(memory) === undefined ? undefined : Number(memory),
      computeCapability: known(capability),
    }));
}

/** The NVIDIA GPUs whose driver responds; none without nvidia-smi. */
export async function nvidiaGpus(): Promise<NvidiaGpu[]> {
  const args = [`--query-gpu=${QUERY}`, '--format=csv,noheader,nounits'];
  const { stdout } = await promisify(execFile)('nvidia-smi', args, { timeout: 10_000 }).catch(
    () => ({ stdout: '' }),
  );
  return parseNvidiaSmi(stdout);
}

/** Whether the kernel has NVIDIA's driver, as a module or as a Jetson's. */
export const hasNvidiaDriver = (): boolean =>
  existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvhost-gpu');

/** Whether the kernel has a GPU to render with. */
export const hasRenderNode = (): boolean => existsSync('/dev/dri/renderD128');

const VULKAN_FOLDERS = [
  '/etc/vulkan/icd.d',
  '/usr/share/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
];

/** Vulkan drivers that the loader finds, by their manifests; those named by the environment come first. */
export async function vulkanDrivers(env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (named) return named.split(':').filter((path) => existsSync(path));
  const found = await Promise.all(
    VULKAN_FOLDERS.map(async (folder) => {
      const files = await readdir(folder).catch(() => [] as string[]);
      return files.filter((file) => file.endsWith('.json')).map((file) => join(folder, file));
    }),
  );
  return found.flat();
}
