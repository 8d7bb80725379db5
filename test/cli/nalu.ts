import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Readable } from 'node:stream';

const CLI = join(import.meta.dirname, '../../src/cli.js');

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

interface Surroundings {
  detached?: boolean;
  input?: string | Readable;
  /** A file descriptor that takes what it prints; read here by default. */
  stdout?: 'pipe' | number;
  cwd?: string;
}

/** Runs `nalu` as a user does; `during` sees its process, and `input` is its stdin. */
export function nalu(
  args: string[],
  during?: (child: ReturnType<typeof spawn>) => void,
  { detached = false, input, stdout = 'pipe', cwd }: Surroundings = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      stdio: [input === undefined ? 'ignore' : 'pipe', stdout, 'pipe'],
      detached,
      cwd,
    });
    let [out, err] = ['', ''];
    if (child.stdin && input !== undefined) {
      child.stdin.on('error', () => undefined);
      (typeof input === 'string' ? Readable.from([input]) : input).pipe(child.stdin);
    }
    child.stdout?.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr!.on('data', (data: Buffer) => (err += data.toString()));
    child.on('close', (code) => resolve({ code, out, err }));
    during?.(child);
  });
}
