import { existsSync } from 'node:fs';
import { access, constants, readFile, stat, statfs } from 'node:fs/promises';
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { reasonOf } from '../systemErrors.ts';
import { plural } from '../terminal/plural.ts';
import { findingsOf, formatBytes, needed } from './finding.ts';
import { jetPackOf, parseTegraRelease } from './jetson.ts';
import type { Memory } from './memory.ts';
import { type Finding } from './finding.ts';

const { ok, lack, absent } = findingsOf('machine');

const LEAST_NODE = [20, 19];
/** What four cameras over ROS 2 need; see docs/deploying.md. */
const SOCKET_BUFFER = 8_388_608;
/** An attempt of the simulated robot takes 0.6 MB. */
const LEAST_DISK = 1e9;

/** Contents of a file without trailing whitespace or NUL; undefined if it cannot be read. */
export const contents = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').then(
    (text) => text.replace(/[\0\s]+$/, ''),
    () => undefined,
  );

/** Whether a version, as 20.19.1, is one that Nalu runs on. */
export function nodeFinding(version: string): Finding {
  const [major, minor] = version.split('.').map(Number);
  const isEnough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  return needed(
    isEnough
      ? ok('Node.js', version)
      : lack(
          'Node.js',
          `${version}, but at least ${LEAST_NODE.join('.')} is needed`,
          'install a newer one (nodejs.org, or nvm install 22)',
        ),
  );
}

function processor(): Finding {
  const all = cpus();
  return ok(
    'processor',
    `${all[0]?.model.trim() || 'unknown'}, ${plural(all.length, 'core')}, ${arch()}, ${platform()} ${release()}`,
  );
}

/** Memory of the machine and of this process's control group, if that has less. */
export function memory(): Memory {
  const total = totalmem();
  const limit = process.constrainedMemory();
  return { total, available: freemem(), ...(limit > 0 && limit < total && { limit }) };
}

/** The nearest existing folder at or above a path. */
function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** Why episodes cannot be recorded into a new folder below `there`; undefined if they can. */
async function unwritable(there: string): Promise<string | undefined> {
  if (!(await stat(there)).isDirectory()) return `${there} is a file`;
  return access(there, constants.W_OK).then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  );
}

async function disk(folder: string): Promise<Finding> {
  const there = existing(resolve(folder));
  const problem = await unwritable(there);
  if (problem !== undefined)
    return lack(
      'disk',
      `nothing can be recorded in ${folder}: ${problem}`,
      'record elsewhere (--record, or the parameter record)',
    );
  const { bavail, bsize } = await statfs(there);
  const free = bavail * bsize;
  const found = `${formatBytes(free)} free for ${folder}`;
  return free < LEAST_DISK
    ? lack('disk', found, `make room, or record elsewhere (--record, or the parameter record)`)
    : ok('disk', found);
}

/** Identifies a Jetson by its model and /etc/nv_tegra_release. */
export function jetsonFinding(model: string | undefined, tegra: string | undefined): Finding {
  const parsed = parseTegraRelease(tegra ?? '');
  if (!parsed) return absent('Jetson', 'this machine is none');
  const jetPack = jetPackOf(parsed);
  const name = `${model ?? 'Jetson'}, L4T R${parsed.release}.${parsed.revision}`;
  if (!jetPack)
    return lack(
      'Jetson',
      name,
      'its JetPack is not known here; build as docs/jetson.md says, with its versions',
    );
  return ok(
    'Jetson',
    `${name}: JetPack ${jetPack.version}, CUDA ${jetPack.cuda}, TensorRT ${jetPack.tensorrt}`,
  );
}

async function socketBuffer(hasRos: boolean): Promise<Finding[]> {
  const text = await contents('/proc/sys/net/core/rmem_max');
  if (text === undefined) return [];
  const found = `${text} bytes at most; four cameras over ROS 2 need ${SOCKET_BUFFER}`;
  if (Number(text) >= SOCKET_BUFFER) return [ok('socket buffer', `${text} bytes at most`)];
  const next = `sudo sysctl -w net.core.rmem_max=${SOCKET_BUFFER}`;
  return [hasRos ? lack('socket buffer', found, next) : absent('socket buffer', found)];
}

async function governor(): Promise<Finding[]> {
  const name = await contents('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor');
  if (name === undefined) return [];
  return name === 'performance'
    ? [ok('clock of the processor', name)]
    : [
        absent(
          'clock of the processor',
          `governor ${name}: ticks come later as it wakes up`,
          'for the real robot: sudo cpupower frequency-set -g performance (on a Jetson: sudo jetson_clocks)',
        ),
      ];
}

/** Findings on the machine itself. `episodes` is the folder for recordings. */
export async function machineFindings(episodes: string, hasRos: boolean): Promise<Finding[]> {
  const model = await contents('/proc/device-tree/model');
  return [
    nodeFinding(process.versions.node),
    processor(),
    await disk(episodes),
    jetsonFinding(model, await contents('/etc/nv_tegra_release')),
    ...(await socketBuffer(hasRos)),
    ...(await governor()),
  ];
}
