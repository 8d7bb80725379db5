import type { ArmLine } from './armLine.ts';
import type { Chain, ChainJoint } from './chain.ts';
import { type Point, fromRollPitchYaw, writeTurn } from './rotations.ts';

const isZero = (point: Point) => point.every((value) => value === 0);

/** A joint as forward kinematics reads it: what is zero is absent, the axis has length 1. */
interface Link {
  offset?: Point;
  rotation?: Float64Array;
  axis: Point;
  slides: boolean;
}

function linkOf({ offset, rotation, axis, slides = false }: ChainJoint): Link {
  const length = Math.hypot(...axis);
  return {
    axis: axis.map((value) => value / length),
    slides,
    ...(!isZero(offset) && { offset }),
    ...(rotation &&
      !isZero(rotation) && { rotation: Float64Array.from(fromRollPitchYaw(rotation)) }),
  };
}

/** Replaces `frame` by frame · rotation, both as rows [9]. */
function turn(frame: Float64Array, rotation: Float64Array): void {
  for (let row = 0; row < 9; row += 3) {
    const x = frame[row];
    const y = frame[row + 1];
    const z = frame[row + 2];
    frame[row] = x * rotation[0] + y * rotation[3] + z * rotation[6];
    frame[row + 1] = x * rotation[1] + y * rotation[4] + z * rotation[7];
    frame[row + 2] = x * rotation[2] + y * rotation[5] + z * rotation[8];
  }
}

/** What is being written: the next point, and the frame, rows [9], in which the way to it is measured. */
interface Pen {
  frame: Float64Array;
  into: Float64Array;
  point: number;
}

/** Adds the point that lies `scale` · `way` from the point before. */
function add(pen: Pen, way: Point, scale: number): void {
  const { frame, into, point } = pen;
  for (let axis = 0; axis < 3; axis++) {
    const row = 3 * axis;
    const along = frame[row] * way[0] + frame[row + 1] * way[1] + frame[row + 2] * way[2];
    into[3 * point + axis] = into[3 * (point - 1) + axis] + scale * along;
  }
  pen.point += 1;
}

/** The points of the hand, each from the one before in the frame of the last joint. */
const handOf = ({ hand = [0, 0, 0], tip }: Chain): Point[] => [
  ...(isZero(hand) ? [] : [hand]),
  tip.map((value, axis) => value - hand[axis]),
];

const BASE_AXIS: Point = [0, 0, 1];

/** The middle line of an arm with this chain of joints. Joints that meet in a point share one of the line. */
export function chainLine(chain: Chain): ArmLine {
  const links = chain.joints.map(linkOf);
  const hand = handOf(chain);
  const bends = links.flatMap(({ offset, slides }) => [offset !== undefined, slides]);
  const points = 1 + bends.filter(Boolean).length + hand.length;
  const frame = new Float64Array(9);
  const rotation = new Float64Array(9);
  const pen: Pen = { frame, into: new Float64Array(), point: 0 };
  return {
    points,
    rigid: !links.some(({ slides }) => slides),
    write(positions, joints, base, into) {
      pen.into = into;
      pen.point = 1;
      writeTurn(BASE_AXIS, base[3], frame);
      for (let axis = 0; axis < 3; axis++) into[axis] = base[axis];
      for (let i = 0; i < links.length; i++) {
        const link = links[i];
        const position = positions[joints[i]];
        if (link.offset) add(pen, link.offset, 1);
        if (link.rotation) turn(frame, link.rotation);
        if (link.slides) add(pen, link.axis, position);
        else {
          writeTurn(link.axis, position, rotation);
          turn(frame, rotation);
        }
      }
      for (let i = 0; i < hand.length; i++) add(pen, hand[i], 1);
    },
  };
}
