import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import type { Surroundings } from '../../src/cli/context.ts';
import { run } from '../../src/cli/run.ts';
import type { UserError } from '../../src/errors.ts';
import { type About, assertAbout } from '../refusals.ts';

const CLI = join(import.meta.dirname, '../../src/cli.js');

interface Ended {
  code: number | null;
  out: string;
  err: string;
  /** The failure of a command that ran in this process. */
  failure?: UserError;
}

interface Around {
  input?: string;
  /** Stops the command. */
  signal?: AbortSignal;
  /** Gets the output as it comes. */
  onOutput?: (text: string) => unknown;
}

/** A stream that collects text. */
export function collector(onText: (text: string) => unknown = () => undefined) {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      onText(chunk.toString());
      done();
    },
  });
  return { stream, text: () => text };
}

/** Stands for the process around the command line: nobody types, and what is printed goes nowhere. */
export const surroundings = (): Surroundings => ({
  out: collector().stream,
  err: collector().stream,
  env: process.env,
  input: () => Readable.from([]),
  interruption: () => new AbortController().signal,
  unread: new AbortController().signal,
});

/** Runs `nalu` in this process. */
export async function nalu(
  args: readonly string[],
  { input = '', signal = new AbortController().signal, onOutput }: Around = {},
): Promise<Ended> {
  const [out, err] = [collector(onOutput), collector()];
  const { exitCode, failure } = await run(args, {
    ...surroundings(),
    out: out.stream,
    err: err.stream,
    input: () => new PassThrough().end(input),
    interruption: () => signal,
  });
  return { code: exitCode, failure, out: out.text(), err: err.text() };
}

/** Runs `nalu` in this process, asserts that it fails in sentences about this and prints them, and gives how it ended. */
export async function assertFails(
  args: readonly string[],
  about: About,
  around?: Around,
): Promise<Ended> {
  const ended = await nalu(args, around);
  assert.equal(ended.code, 1, `nalu ${args.join(' ')}: ${ended.out}${ended.err}`);
  assertAbout(ended.failure, about);
  assert.ok(ended.err.includes(`nalu: ${ended.failure!.message}\n`), ended.err);
  assert.doesNotMatch(ended.err, /^\s+at /m, 'a stack');
  return ended;
}

interface ProcessAround {
  detached?: boolean;
  input?: string | Readable;
  /** A file descriptor that takes what it prints; read here by default. */
  stdout?: 'pipe' | number;
  cwd?: string;
}

/** Runs `nalu` as a process, as a user does; `during` gets it. For signals, pipes and exit codes. */
export function spawnNalu(
  args: string[],
  during?: (child: ReturnType<typeof spawn>) => void,
  { detached = false, input, stdout = 'pipe', cwd }: ProcessAround = {},
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
