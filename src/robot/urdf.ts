import { type XmlElement, parseXml } from '@rgrove/parse-xml';
import { UserError, messageOf } from '../errors.ts';
import type { NamedChain, Vector } from './chain.ts';
import {
  type Point,
  type RollPitchYaw,
  type Rotation,
  compose,
  fromRollPitchYaw,
  rotate,
  toRollPitchYaw,
} from './rotations.ts';

/** A joint of a URDF: where the frame of its child link is in that of its parent, m and rad. */
interface UrdfJoint {
  name: string;
  type: string;
  parent: string;
  child: string;
  offset: Vector;
  rotation: RollPitchYaw;
  axis: Vector;
}

interface Urdf {
  links: ReadonlySet<string>;
  joints: readonly UrdfJoint[];
}

/** Links between which a chain leads. */
export interface ChainLinks {
  base: string;
  /** The link whose origin is the tips of the fingers. */
  tip: string;
  /** The link whose origin is where the fingers begin; the child of the last joint that moves where absent. */
  hand?: string;
}

/** Types of joints by how they move; `undefined` for none that a chain can have. */
const MOVES: Readonly<Record<string, 'turns' | 'slides' | 'fixed'>> = {
  revolute: 'turns',
  continuous: 'turns',
  prismatic: 'slides',
  fixed: 'fixed',
};

const children = (element: XmlElement, name: string): XmlElement[] =>
  element.children.filter((child): child is XmlElement => 'name' in child && child.name === name);

/** What is wrong with a URDF, and with which of its joints and links. */
const wrong = (message: string, ...fields: string[]) =>
  new UserError(message, { kind: 'invalid', fields });

/** Three numbers of an attribute of a joint. */
function triple(text: string | undefined, fallback: Vector, where: string, name: string): Vector {
  if (text === undefined) return fallback;
  const values = text.trim().split(/\s+/).map(Number);
  if (values.length === 3 && values.every(Number.isFinite)) return values as Vector;
  throw wrong(`${where} of joint ${name} is "${text}" instead of three numbers`, name);
}

function readJoint(element: XmlElement, index: number): UrdfJoint {
  const { name, type = '' } = element.attributes;
  if (!name) throw wrong(`its joint ${index} has no name`, String(index));
  const [origin, axis] = ['origin', 'axis'].map(
    (part) => children(element, part).at(0)?.attributes,
  );
  const link = (part: 'parent' | 'child') => {
    const named = children(element, part).at(0)?.attributes.link;
    if (named) return named;
    throw wrong(`joint ${name} names no ${part} link`, name);
  };
  return {
    ...{ name, type, parent: link('parent'), child: link('child') },
    offset: triple(origin?.xyz, [0, 0, 0], "the origin's xyz", name),
    rotation: triple(origin?.rpy, [0, 0, 0], "the origin's rpy", name),
    axis: triple(axis?.xyz, [1, 0, 0], 'the axis', name),
  };
}

function parseUrdf(text: string): Urdf {
  const root = (() => {
    try {
      return parseXml(text.trimStart()).root;
    } catch (error) {
      const [reason] = messageOf(error).split('\n');
      throw wrong(`is not XML: ${reason}`);
    }
  })();
  if (root?.name !== 'robot') throw wrong(`is no URDF: its root is not <robot>`);
  if (root.children.some((child) => 'name' in child && String(child.name).startsWith('xacro:')))
    throw wrong('is a xacro, not yet a URDF: run `xacro FILE > robot.urdf` first');
  return {
    links: new Set(children(root, 'link').flatMap(({ attributes: { name } }) => name ?? [])),
    joints: children(root, 'joint').map(readJoint),
  };
}

/** The joints that lead from one link to another, in order. Throws a `UserError` where none do. */
function pathBetween({ links, joints }: Urdf, base: string, tip: string): UrdfJoint[] {
  const missing = [base, tip].find((link) => !links.has(link));
  if (missing !== undefined)
    throw wrong(`has no link ${missing}; it has ${[...links].join(', ') || 'none'}`, missing);
  const path: UrdfJoint[] = [];
  for (let link = tip; link !== base;) {
    const above = joints.filter(({ child }) => child === link);
    if (above.length === 0)
      throw wrong(
        `no joint leads to the link ${link}, so ${tip} does not hang from ${base}; correct base or tip`,
        link,
      );
    if (above.length > 1)
      throw wrong(
        `the link ${link} is the child of ${above.map(({ name }) => name).join(' and ')}; a URDF is a tree`,
        link,
      );
    const [joint] = above;
    if (path.includes(joint))
      throw wrong(`its joints go round in a loop at ${joint.name}; a URDF is a tree`, joint.name);
    if (!links.has(joint.parent))
      throw wrong(
        `joint ${joint.name} hangs from the link ${joint.parent}, which it lacks`,
        joint.name,
      );
    path.unshift(joint);
    link = joint.parent;
  }
  return path;
}

/** A frame in another one. */
interface Frame {
  at: Point;
  rotation: Rotation;
}

const HERE: Frame = { at: [0, 0, 0], rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1] };

/** The origin of a joint that follows a frame. */
const follow = ({ at, rotation }: Frame, { offset, rotation: own }: UrdfJoint): Frame => ({
  at: rotate(rotation, offset).map((value, axis) => at[axis] + value),
  rotation: compose(rotation, fromRollPitchYaw(own)),
});

const asVector = ([x, y, z]: Point): Vector => [x, y, z];

/** Where a link is in the frame of the last joint of `moving` before it. */
function placeOf(urdf: Urdf, moving: readonly UrdfJoint[], base: string, link: string): Vector {
  const last = moving.at(-1)?.child ?? base;
  return asVector(pathBetween(urdf, last, link).reduce(follow, HERE).at);
}

/** A joint that moves, in the frame of the one that moves before it: fixed ones between become part of its origin. */
function chainJoint(joint: UrdfJoint, before: Frame): NamedChain['joints'][number] {
  const { name, axis } = joint;
  if (axis.every((value) => value === 0))
    throw wrong(`joint ${name} has an axis of length zero`, name);
  if (before === HERE) {
    const { offset, rotation } = joint;
    return { joint: name, offset, rotation, axis };
  }
  const { at, rotation } = follow(before, joint);
  return { joint: name, offset: asVector(at), rotation: toRollPitchYaw(rotation), axis };
}

/** The chain of joints that leads from a URDF's base link to its tip. Throws a `UserError` where there is none. */
export function chainOfUrdf(text: string, { base, tip, hand }: ChainLinks): NamedChain {
  const urdf = parseUrdf(text);
  const path = pathBetween(urdf, base, tip);
  const joints: NamedChain['joints'] = [];
  const moving: UrdfJoint[] = [];
  let before = HERE;
  for (const joint of path) {
    const move = MOVES[joint.type];
    if (move === undefined)
      throw wrong(
        `joint ${joint.name} is of the type ${joint.type || 'none'}; a chain has ${Object.keys(MOVES).join(', ')}`,
        joint.name,
      );
    if (move === 'fixed') before = follow(before, joint);
    else {
      joints.push(chainJoint(joint, before));
      moving.push(joint);
      before = HERE;
    }
  }
  if (joints.length === 0) throw wrong(`no joint moves between ${base} and ${tip}`, base, tip);
  const reach = { tip: placeOf(urdf, moving, base, tip) };
  return hand === undefined
    ? { joints, ...reach }
    : { joints, hand: placeOf(urdf, moving, base, hand), ...reach };
}
