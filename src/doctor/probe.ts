import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Probes } from './probeMain.ts';

/** What a probe said: its value or why it has none, and its stderr. */
export interface Probed<T> {
  value?: T;
  error?: string;
  stderr: string;
}

/** Seconds after which a probe that says nothing is ended: TensorRT builds an engine in some. */
const PATIENCE = 120;

/**
 * Tries something in a process of its own, which a driver's crash may end: that is then the error. Resolves always.
 */
export function probe<Name extends keyof Probes>(
  name: Name,
  ...[argument]: Parameters<Probes[Name]>
): Promise<Probed<Awaited<ReturnType<Probes[Name]>>>> {
  return new Promise((resolve) => {
    const child = fork(join(import.meta.dirname, 'probeMain.js'), [name], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    let stderr = '';
    let said: { value?: Awaited<ReturnType<Probes[Name]>>; error?: string } | undefined;
    const timer = setTimeout(() => {
      said ??= { error: `nothing within ${PATIENCE} s` };
      child.kill('SIGKILL');
    }, PATIENCE * 1000);
    child.stderr!.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('message', (message) => (said ??= message as NonNullable<typeof said>));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const ended = `the process that tried it ended with ${signal ?? `exit code ${code}`}`;
      resolve({ ...(said ?? { error: ended }), stderr });
    });
    child.send({ argument });
  });
}
