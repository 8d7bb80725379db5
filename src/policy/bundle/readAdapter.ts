import { UserError, invalid } from '../../errors.ts';
import { formatShape, sameShape } from '../../onnx/dim.ts';
import { loadSafetensors } from '../../tensors/safetensors.ts';
import { FARTHEST_VIEW, type View } from '../../images/view.ts';
import { adaptableOf, shapeOf } from '../families/registry.ts';
import type { Spread } from '../exploration.ts';
import { FARTHEST_OFFSET, type Offset } from '../offset.ts';
import type { Trainable } from '../trainable.ts';
import { findNonFinite } from '../../tensors/finite.ts';
import { choiceFaults, choiceOf } from '../choice/choice.ts';
import { steeringFaults, steeringOf } from '../steering/steering.ts';
import { type Adapter, CARRIED, type Place, makeAdapter, readHead } from './adapter.ts';
import type { Bundle } from './config.ts';

/** The target of an adapter: a bundle and, if known, its trainable parameters. */
export type AdapterFit = Pick<Bundle, 'base' | 'family' | 'architecture' | 'cameras' | 'trainable'>;

const alphaOf = (trainable: Trainable) =>
  trainable.parameters === 'lora' ? (trainable.alpha ?? trainable.rank) : undefined;

/** The fault of a view for a policy with so many cameras, if any. */
function viewFaults(view: View | undefined, cameras: number): string[] {
  if (!view) return [];
  if (view.length !== 2 * cameras)
    return [`its view has ${view.length} numbers, two for each of ${cameras} cameras are ${2 * cameras}`]; // prettier-ignore
  return view.every((share) => Math.abs(share) <= FARTHEST_VIEW)
    ? []
    : [`its view [${view.join(', ')}] goes beyond ±${FARTHEST_VIEW} of a picture`];
}

/** The fault of an offset for a policy of so many action dimensions, if any. */
function offsetFaults(offset: Offset | undefined, dims: number): string[] {
  if (!offset) return [];
  if (offset.length !== dims)
    return [`its offset has ${offset.length} numbers, the policy's actions have ${dims}`];
  return offset.every((value) => Math.abs(value) <= FARTHEST_OFFSET)
    ? []
    : [`its offset [${offset.join(', ')}] goes beyond ±${FARTHEST_OFFSET} deviations`];
}

/** The faults of a spread for a policy of so many action dimensions and cameras, if any. */
function spreadFaults(spread: Spread | undefined, dims: number, cameras: number): string[] {
  if (!spread) return [];
  const counts = { offset: dims, view: 2 * cameras };
  return (['offset', 'view'] as const).flatMap((name) => {
    const values = spread[name];
    if (values.length !== counts[name])
      return [`its spread of the ${name} has ${values.length} numbers, the policy needs ${counts[name]}`]; // prettier-ignore
    return values.every((value) => value >= 0 && Number.isFinite(value))
      ? []
      : [`its spread of the ${name} [${values.join(', ')}] has values that are no deviations`];
  });
}

/** The faults of a place for a policy, if any; `of` names whose it is. */
function placeFaults({ view, offset, spread }: Place, policy: AdapterFit, of = ''): string[] {
  const { actionDim } = shapeOf(policy);
  const cameras = policy.cameras.length;
  return [
    ...viewFaults(view, cameras),
    ...offsetFaults(offset, actionDim),
    ...spreadFaults(spread, actionDim, cameras),
  ].map((fault) => of + fault);
}

/** The faults of an adapter for a policy, one line each; empty if it fits. */
function adapterFaults(
  {
    trainable,
    parameters,
    base,
    own = new Map<string, Place>(),
    choice,
    steering,
    ...place
  }: Adapter,
  policy: AdapterFit,
): string[] {
  if (base !== policy.base) return [`it belongs to the policy ${base}, this one is ${policy.base}`];
  const target = policy.trainable ?? trainable;
  if (trainable.parameters !== target.parameters)
    return [
      `it adapts ${trainable.parameters}, this policy was opened for ${target.parameters}; open it with trainable: ${trainable.parameters}`,
    ];
  const expected = new Map(
    adaptableOf(policy)
      .parameters(target)
      .map(({ name, shape }) => [name, shape]),
  );
  const faults = [...expected].flatMap(([name, shape]) => {
    const found = parameters.get(name);
    if (!found) return [`${name} ${formatShape(shape)} is missing`];
    if (!sameShape(found.shape, shape))
      return [`${name} is ${formatShape(found.shape)}, this policy's is ${formatShape(shape)}`];
    return findNonFinite({ dtype: 'F32', data: found.data }) < 0
      ? []
      : [`${name} has values that are not finite`];
  });
  const surplus = [...parameters].filter(([name]) => !expected.has(name));
  const [alpha, targetAlpha] = [alphaOf(trainable), alphaOf(target)];
  return [
    ...faults,
    ...placeFaults(place, policy),
    ...(choice ? choiceFaults(choice, adaptableOf(policy)) : []),
    ...(steering ? steeringFaults(steering, adaptableOf(policy)) : []),
    ...(choice && steering ? ['it has critics that choose and a network that steers; a policy takes one of both'] : []), // prettier-ignore
    ...[...own].flatMap(([robot, at]) => placeFaults(at, policy, `of the robot ${robot}, `)),
    ...surplus.map(([name, { shape }]) => `${name} ${formatShape(shape)} is none of this policy's`),
    ...(alpha === targetAlpha
      ? []
      : [`its alpha is ${alpha}, this policy was opened for ${targetAlpha}`]),
  ];
}

/** Throws a `UserError` that lists all faults of an adapter for a policy; `what` names the adapter. */
export function checkAdapter(what: string, adapter: Adapter, policy: AdapterFit): void {
  const faults = adapterFaults(adapter, policy);
  if (faults.length > 0)
    throw new UserError(
      `${what} does not fit the policy:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
      { kind: 'mismatch', subject: what },
    );
}

/** Takes those whose names begin with `of` out of parameters, without it. */
function takeOut(parameters: Adapter['parameters'], of: string): Adapter['parameters'] {
  const taken: Adapter['parameters'] = new Map();
  for (const [name, numbers] of parameters) {
    if (!name.startsWith(of)) continue;
    taken.set(name.slice(of.length), numbers);
    parameters.delete(name);
  }
  return taken;
}

/** Reads the adapter of a policy. Throws a `UserError` that lists what does not fit. */
export async function readAdapter(path: string, policy: AdapterFit): Promise<Adapter> {
  const { tensors, metadata } = await loadSafetensors(path);
  const { version, choice: choosing, steering: steers, ...head } = readHead(metadata, path);
  const parameters: Adapter['parameters'] = new Map();
  for (const [name, { dtype, shape, data }] of tensors) {
    if (!(data instanceof Float32Array))
      throw invalid(path, `${name} holds ${dtype}; an adapter holds F32`, name);
    parameters.set(name, { shape, data });
  }
  const [critics, actor] = [CARRIED.choice, CARRIED.steering].map((of) => takeOut(parameters, of));
  const choice = choosing && choiceOf(choosing, critics);
  const steering = steers && steeringOf(steers, actor);
  const adapter = makeAdapter({ ...head, parameters, choice, steering });
  checkAdapter(path, adapter, policy);
  if (adapter.version !== version)
    throw invalid(
      path,
      `says that it is version ${version}, but its content is that of ${adapter.version}; write it again from where it came`,
      'version',
    );
  return adapter;
}
