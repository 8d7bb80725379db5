import { messageOf } from '../errors.ts';
import { startProcess } from '../processes/child.ts';
import type { Probes } from './probeMain.ts';

/** The result of a probe: its value or error, and its stderr. */
export interface Probed<T> {
  value?: T;
  error?: string;
  stderr: string;
}

/** Timeout of a probe, seconds: TensorRT takes long to build an engine. */
const PATIENCE = 120;

/**
 * Runs a probe in its own process, so that a driver's crash becomes the probe's error. Never rejects.
 */
export async function probe<Name extends keyof Probes>(
  name: Name,
  ...args: Parameters<Probes[Name]>
): Promise<Probed<Awaited<ReturnType<Probes[Name]>>>> {
  let stderr = '';
  const child = startProcess<Probes>(new URL('./probeMain.js', import.meta.url), {
    name: 'the process that tried it',
    args: [name],
    onStderr: (text) => (stderr += text),
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void child.kill();
  }, PATIENCE * 1000);
  const result = await child.opened
    .then(() => child.ask(name, ...(args as never)))
    .then(
      (value) => ({ value: value as Awaited<ReturnType<Probes[Name]>> }),
      (error: unknown) => ({ error: isLate ? `nothing within ${PATIENCE} s` : messageOf(error) }),
    );
  clearTimeout(timer);
  await child.close();
  return { ...result, stderr };
}
