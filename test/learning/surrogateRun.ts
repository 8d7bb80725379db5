import type { Graph } from '../../src/onnx/graph.ts';
import { encodeModel } from '../../src/onnx/modelFile.ts';
import type { Parameter } from '../../src/policy/trainable.ts';
import { tensorsIn } from '../../src/learning/train/parameters.ts';
import { type Tensor, openModel } from '../../src/session/session.ts';
import { SESSION } from './bandit.ts';

/** A surrogate's graph on one batch, with parameters that are its inputs. */
export async function openSurrogateRun(
  graph: Graph,
  parameters: readonly Parameter[],
  feeds: Record<string, Tensor>,
) {
  const session = await openModel(encodeModel(graph), SESSION);
  return {
    run: (values: Float32Array) =>
      session.run({ ...feeds, ...Object.fromEntries(tensorsIn(values, parameters)) }),
    /** All gradients, one behind the other, as parameters are. */
    gradientIn: (outputs: Record<string, Tensor>) =>
      parameters.flatMap(({ name }) => [...(outputs[`gradient.${name}`].data as Float32Array)]),
    close: () => session.release(),
  };
}

export type SurrogateRun = Awaited<ReturnType<typeof openSurrogateRun>>;

export const lossIn = ({ loss }: Record<string, Tensor>) => (loss.data as Float32Array)[0];

/** The length of the gradient where the parameters are `values`, and the slope along it by central differences. */
export async function slopeAlong(
  { run, gradientIn }: Pick<SurrogateRun, 'run' | 'gradientIn'>,
  values: Float32Array,
  step: number,
): Promise<{ length: number; slope: number }> {
  const gradient = gradientIn(await run(values));
  const length = Math.hypot(...gradient);
  const [above, below] = await Promise.all(
    [step, -step].map(async (by) =>
      lossIn(await run(values.map((value, i) => value + (by * gradient[i]) / length))),
    ),
  );
  return { length, slope: (above - below) / (2 * step) };
}
