import { UserError } from '../../errors.ts';
import { type SessionConfig, sessionConfigSchema } from '../../session/session.ts';
import { familyOf } from '../families/registry.ts';
import { GOLDEN_FILE } from './bundleFiles.ts';
import { type Golden, readGolden, writeGolden } from './golden.ts';
import type { Bundle } from './config.ts';

/** The agreement of one stage of a sample with its golden numbers. */
export interface Agreement {
  stage: string;
  cosine: number;
  /** Largest absolute difference. */
  difference: number;
  /** Largest absolute golden number. */
  largest: number;
}

/** Minimum cosine between a chunk and its golden chunk with which a robot may be moved. */
export const LEAST_COSINE = { float32: 0.99999, float16: 0.999, bfloat16: 0.999 };
/** The minimum with a quantised prefix, whose golden numbers were made before quantisation. */
const LEAST_PACKED = 0.99;

const leastCosine = ({ precision, isPacked }: Bundle) =>
  isPacked ? LEAST_PACKED : LEAST_COSINE[precision];

/** Compares one stage with its golden numbers. */
export function agreement(stage: string, got: Float32Array, golden: Float32Array): Agreement {
  let [dot, squares, goldenSquares, difference, largest] = [0, 0, 0, 0, 0];
  golden.forEach((expected, i) => {
    const value = got[i];
    dot += value * expected;
    squares += value ** 2;
    goldenSquares += expected ** 2;
    // Math.max keeps NaN; a comparison would skip it.
    difference = Math.max(difference, Math.abs(value - expected));
    largest = Math.max(largest, Math.abs(expected));
  });
  return { stage, cosine: dot / Math.sqrt(squares * goldenSquares), difference, largest };
}

const isNear = ({ cosine }: Agreement, least: number) => cosine >= least;

/** Makes a bundle's golden numbers: on the CPU, in float32. */
export async function makeGolden(bundle: Bundle, { threads }: SessionConfig): Promise<void> {
  const cpu = sessionConfigSchema.parse({ threads });
  const { golden } = familyOf(bundle);
  const inputs = await golden.inputs(bundle);
  const { outputs } = await golden.run(bundle, cpu, inputs);
  await writeGolden(bundle, golden.names(bundle.architecture), inputs, outputs);
}

const missing = ({ folder }: Bundle) =>
  `${folder} has no golden numbers to compare with; make them once, where its weights are known to be whole: nalu verify ${folder} --write`;

export interface Verification {
  agreements: Agreement[];
  /** Minimum cosine of every stage. */
  least: number;
  passes: boolean;
  /** Execution providers used. */
  providers: string[];
}

/** Compares every stage of a sample with the golden numbers and reports whether all agree. */
export async function verifyBundle(bundle: Bundle, session: SessionConfig): Promise<Verification> {
  const golden = await readGolden(bundle);
  if (!golden)
    throw new UserError(missing(bundle), {
      kind: 'missing',
      subject: bundle.folder,
      fields: [GOLDEN_FILE],
    });
  const stages = familyOf(bundle).golden;
  const { outputs, providers } = await stages.run(bundle, session, golden.inputs);
  const agreements = stages
    .names(bundle.architecture)
    .map((stage) => agreement(stage, outputs[stage].data as Float32Array, golden.outputs[stage]));
  const least = leastCosine(bundle);
  const passes = agreements.every((one) => isNear(one, least));
  return { agreements, least, passes, providers };
}

/**
 * Throws a `UserError` unless `run`, the graph that will move the robot, reproduces the golden chunk. A
 * bundle without golden numbers passes on the CPU, the reference.
 */
export async function checkChunk(
  bundle: Bundle,
  providers: readonly string[],
  run: (inputs: Golden['inputs']) => Promise<Float32Array>,
): Promise<void> {
  const golden = await readGolden(bundle);
  if (!golden) {
    if (providers[0] === 'cpu') return;
    throw new UserError(`${missing(bundle)}; the CPU may play it without`, {
      kind: 'missing',
      subject: bundle.folder,
      fields: [GOLDEN_FILE],
    });
  }
  const result = agreement('actions', await run(golden.inputs), golden.outputs.actions);
  const least = leastCosine(bundle);
  if (isNear(result, least)) return;
  throw new UserError(
    `${bundle.folder} gives other chunks on ${providers.join(', ')} than it should: cosine ${result.cosine.toFixed(5)}, at least ${least} is needed. Nothing is moved with it; nalu verify ${bundle.folder} says at which stage they part, and another execution provider or precision may do`,
    { kind: 'mismatch', subject: bundle.folder, fields: ['actions'] },
  );
}
