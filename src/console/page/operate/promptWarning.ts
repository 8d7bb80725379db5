import type { LogLine } from '../../protocol.ts';

/** The newest warning about this prompt, which it ends with, without it; undefined where there is none. */
export function promptWarning(log: readonly LogLine[], prompt: string): string | undefined {
  const end = `: ${prompt}`;
  const line = log.findLast(({ level, text }) => level === 'warn' && text.endsWith(end));
  return line?.text.slice(0, -end.length);
}
