import { execFileSync } from 'node:child_process';

/** The child of a process that runs a module. */
export function childOf(parent: number, module: string): number {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(parent)], {
    encoding: 'utf8',
  });
  const line = lines.split('\n').find((one) => one.includes(module));
  if (line === undefined) throw new Error(`${parent} has no child ${module}: ${lines}`);
  return Number.parseInt(line);
}
