import { type Dim, formatShape } from '../../../onnx/dim.ts';
import type { ModelInterface, Port } from '../../../onnx/modelInterface.ts';
import type { OnnxArchitecture, OnnxImage } from './architecture.ts';

/** An input or output that policy.json names. */
interface Named {
  /** Its place in policy.json. */
  field: string;
  name: string;
  shape: number[];
  types: readonly string[];
}

const imageShape = ({ layout, width, height }: OnnxImage) =>
  layout === 'CHW' ? [1, 3, height, width] : [1, height, width, 3];

/** The inputs that policy.json names. */
function namedInputs({ state, stateDim, images }: OnnxArchitecture): Named[] {
  return [
    ...(state === undefined
      ? []
      : [{ field: 'state', name: state, shape: [1, stateDim], types: ['float32'] }]),
    ...Object.entries(images).map(([camera, image]) => ({
      field: `images.${camera}.input`,
      name: image.input,
      shape: imageShape(image),
      types: ['float32', 'uint8'],
    })),
  ];
}

const describe = ({ name, type, shape }: Port) =>
  `${name} ${formatShape(shape)} ${type ?? 'of an unknown type'}`;

const listOf = (ports: readonly Port[]) => ports.map(describe).join(', ') || 'none';

/** Whether sizes agree; those that the model leaves open agree with any. */
const fits = (model: readonly Dim[], wanted: readonly number[]) =>
  model.length === wanted.length &&
  model.every((dim, i) => typeof dim !== 'number' || dim === wanted[i]);

function faultOf(
  { field, name, shape, types }: Named,
  ports: readonly Port[],
  kind: 'input' | 'output',
): string[] {
  const port = ports.find((one) => one.name === name);
  if (!port)
    return [`architecture.${field}: the model has no ${kind} ${name}; it has ${listOf(ports)}`];
  if (!types.includes(port.type ?? ''))
    return [
      `architecture.${field}: ${describe(port)} has to be of ${types.join(' or ')}; export it again`,
    ];
  if (!fits(port.shape, shape))
    return [
      `architecture.${field}: the model's ${describe(port)} is ${formatShape(shape)} in policy.json; correct the sizes there`,
    ];
  return [];
}

/** In what a model is not what policy.json says, a sentence each; none if it fits. */
export function modelFaults(
  architecture: OnnxArchitecture,
  { inputs, outputs }: ModelInterface,
): string[] {
  const named = namedInputs(architecture);
  const twice = named.filter(({ name }, i) => named.findIndex((one) => one.name === name) < i);
  const unnamed = inputs.filter((port) => !named.some(({ name }) => name === port.name));
  const { actions, horizon, actionDim } = architecture;
  const output: Named = {
    field: 'actions',
    name: actions,
    shape: [1, horizon, actionDim],
    types: ['float32'],
  };
  return [
    ...named.flatMap((one) => faultOf(one, inputs, 'input')),
    ...twice.map(({ field, name }) => `architecture.${field}: ${name} is named twice`),
    ...unnamed.map(
      (port) =>
        `the model's input ${describe(port)} is named nowhere in architecture; name it as state or as an image, or export the model without it`,
    ),
    ...faultOf(output, outputs, 'output'),
  ];
}
