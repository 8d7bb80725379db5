import { execFileSync } from 'node:child_process';

/** The console's process that this process has started. */
export function consoleProcess(): { pid: number } {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  });
  const line = lines.split('\n').find((one) => one.includes('consoleProcess.js'));
  if (line === undefined) throw new Error(`no console's process among: ${lines}`);
  return { pid: Number.parseInt(line) };
}
