import { readFileSync } from 'node:fs';
import { packagePath } from './packagePath.ts';

/** Nalu's version. */
export function packageVersion(): string {
  const text = readFileSync(packagePath('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
