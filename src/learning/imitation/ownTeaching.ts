import { UserError } from '../../errors.ts';
import { Graph } from '../../onnx/graph.ts';
import type { Taught } from '../../policy/learnable.ts';
import { makeTransforms } from '../../policy/vectors/transforms.ts';
import { Tensor } from '../../session/session.ts';
import { checkImageBytes } from '../train/batches.ts';
import { withGradients } from '../train/withGradients.ts';
import { observationOrder } from './observationOrder.ts';
import type { ImitationOptions, Teaching } from './teaching.ts';

/** The loss that a policy without a flow has of its own. */
export async function openOwnTeaching(
  policy: Taught,
  { folder, bundle, demonstrations, settings }: ImitationOptions,
): Promise<Teaching> {
  const { trainable, batch } = settings;
  if (trainable.parameters !== 'all')
    throw new UserError(
      `--train ${trainable.parameters}: a policy of the family ${bundle.family} is trained whole: take --train all`,
      { kind: 'unsupported', subject: '--train', fields: ['--train'] },
    );
  const { state, targets } = makeTransforms(bundle.transforms, policy);
  const lessons = await policy.openLessons(
    folder,
    demonstrations.map((one) => ({
      prompt: one.prompt,
      state: state(one.state).subarray(0, one.state.length),
      actions: targets(one.actions, one.state),
    })),
  );
  const cameras = bundle.cameras.length;
  const bytes = checkImageBytes(batch, cameras, policy.imageSize);
  const at = observationOrder(demonstrations, settings);

  const graph = new Graph('imitation');
  graph.output('loss', lessons.loss(graph, cameras));
  withGradients(graph, policy.parameters(trainable).map(({ name }) => name)); // prettier-ignore

  return {
    graph,
    batchOf(step) {
      const indices = Array.from({ length: batch }, (_, i) => at(step * batch + i));
      const images = new Uint8Array(batch * bytes);
      indices.forEach((index, i) => images.set(demonstrations[index].images, i * bytes));
      const side = policy.imageSize;
      return {
        images: new Tensor('uint8', images, [batch, cameras, side, side, 3]),
        ...lessons.feeds(indices, cameras),
      };
    },
    feedsOf: (fed) => fed,
    close: () => Promise.resolve(),
  };
}
