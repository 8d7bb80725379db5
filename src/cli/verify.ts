import { join } from 'node:path';
import { loadSessionConfig } from '../session/session.ts';
import { UserError } from '../errors.ts';
import { GOLDEN_FILE, loadBundle } from '../policy/bundle/bundle.ts';
import { type Agreement, makeGolden, verifyBundle } from '../policy/bundle/verification.ts';

export interface VerifyOptions {
  write?: boolean;
  /** Replace golden numbers that are there. */
  force?: boolean;
  json?: boolean;
  session?: string;
}

const line = ({ stage, cosine, difference, largest }: Agreement, least: number) =>
  `  ${stage.padEnd(12)}cosine ${cosine.toFixed(7)}   largest difference ${difference.toExponential(1)} of ${largest.toPrecision(3)}${cosine >= least ? '' : '   ✗'}`;

/** Compares what a bundle computes with its golden numbers, or makes them; see `nalu verify --help`. */
export async function verifyCommand(folder: string, options: VerifyOptions): Promise<'done'> {
  const { write = false, force = false } = options;
  const session = await loadSessionConfig(options.session);
  const bundle = await loadBundle(folder);
  if (write) {
    if (bundle.hasGolden && !force)
      throw new UserError(`${join(folder, GOLDEN_FILE)} is there already; nalu verify ${folder} compares with it, --write --force makes it anew`); // prettier-ignore
    await makeGolden(bundle, session);
    console.log(`${folder}: golden numbers made on the CPU in float32`);
    return 'done';
  }
  const { agreements, least, passes, ...used } = await verifyBundle(bundle, session);
  const providers = used.providers.join(', ');
  if (options.json) console.log(JSON.stringify({ folder, providers, least, passes, agreements }));
  else {
    console.log(`${folder} (${bundle.precision}) on ${providers}, beside its golden numbers:`);
    for (const one of agreements) console.log(line(one, least));
  }
  if (!passes)
    throw new UserError(
      `${folder} does not give its golden numbers on ${providers}: a cosine is below ${least}; no robot is moved with it there`,
    );
  if (!options.json) console.log(`as it should be: every cosine is at least ${least}`);
  return 'done';
}
