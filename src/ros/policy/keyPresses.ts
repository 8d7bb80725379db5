import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Key, emitKeypressEvents } from 'node:readline';
import type { Ask, Request } from './operator.ts';

const KEYS: Record<string, Request> = {
  s: 'success',
  f: 'failure',
  d: 'discard',
  space: 'stop',
  r: 'resume',
};

/** The keys in a line. */
const HELP = Object.entries(KEYS)
  .map(([key, request]) => `${key} ${request}`)
  .join(', ');

/** Takes the key presses that a stream brings as requests; logs the keys, and each answer. */
export function listenToKeys(
  input: NodeJS.ReadableStream,
  ask: Ask,
  log: (text: string) => void,
): void {
  emitKeypressEvents(input);
  input.on('keypress', (_: string | undefined, { name, ctrl, meta }: Key) => {
    if (ctrl || meta || name === undefined || !Object.hasOwn(KEYS, name)) return;
    void ask(KEYS[name]).then(({ message }) => log(message));
  });
  // The robot continues when its terminal has gone.
  input.on('error', () => undefined);
  log(`keys: ${HELP}`);
}

/** Whether this process has its terminal: one in the background would be stopped at a touch of it. */
function inForeground(): boolean {
  if (process.platform !== 'linux') return true;
  const [, rest] = readFileSync('/proc/self/stat', 'utf8').split(/.*\) /s);
  const [, , group, , , foreground] = rest.split(' ');
  return group === foreground;
}

/**
 * The terminal at stdin, where a person sits at one, made to give each key as it is pressed. Ctrl-C is
 * a signal as ever, which Node's own raw mode would take away; at the process' end Node sets it back.
 */
export function terminalOfKeys(): NodeJS.ReadableStream | undefined {
  if (!process.stdin.isTTY || !inForeground()) return undefined;
  const { status } = spawnSync('stty', ['-icanon', '-echo'], {
    stdio: ['inherit', 'ignore', 'ignore'],
  });
  return status === 0 ? process.stdin : undefined;
}
