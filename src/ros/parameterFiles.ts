import { readFileSync } from 'node:fs';
import { invalid } from '../errors.ts';

/**
 * Throws a `UserError` for a parameter file whose node key has a slash, as `ros2 param dump` writes it:
 * rclnodejs would pass over all that it says without a word.
 */
export function checkParameterFiles(argv: readonly string[]): void {
  argv.forEach((word, i) => {
    if (argv[i - 1] !== '--params-file') return;
    const key = /^["']?(\/[a-z]\w*)["']?:/im.exec(readFileSync(word, 'utf8'))?.[1];
    if (key !== undefined)
      throw invalid(word, `write ${key.slice(1)}: or /**: instead of ${key}:`, key);
  });
}
