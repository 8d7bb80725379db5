import { invalid } from '../errors.ts';
import type { Joined } from '../policy/chunkPolicy.ts';
import { naluFields, replyMetadata } from './metadata.ts';
import { isNdArray, numbersOf, shapeText } from './ndarray.ts';
import { type Decoded, type WireMap, isMap } from './wire.ts';

/** A server's reply. */
export interface RemoteReply {
  /** [horizon, joints] */
  actions: Float32Array;
  horizon: number;
  /** Of Nalu's server. */
  version?: string;
  joined?: Pick<Joined, 'kind' | 'weights'>;
  /** Milliseconds of the model's run at the server; 0 where it does not say. */
  run: number;
}

function milliseconds(timing: Decoded | undefined): number {
  const value = isMap(timing) ? timing.get('infer_ms') : undefined;
  return typeof value === 'number' && value >= 0 ? value : 0;
}

/** Reads a reply for a robot of so many joints. Throws a `UserError` for rows that cannot be played. */
export function readReply(reply: WireMap, joints: number, url: string): RemoteReply {
  const actions = reply.get('actions');
  if (!isNdArray(actions)) throw invalid(url, 'no array of actions in its reply');
  const { shape } = actions;
  if (shape.length !== 2 || shape[0] === 0 || shape[1] !== joints)
    throw invalid(
      url,
      `its actions are ${shapeText(shape)}, the robot has ${joints} joints; is it a policy for this robot?`,
    );
  const numbers = numbersOf(actions, `${url}: actions`);
  const bad = numbers.findIndex((number) => !Number.isFinite(number));
  if (bad >= 0)
    throw invalid(
      url,
      `row ${Math.floor(bad / joints)} of its actions has ${numbers[bad]} for joint ${bad % joints}`,
    );
  const own = naluFields(reply, replyMetadata, `${url}: its reply`);
  return {
    actions: Float32Array.from(numbers),
    horizon: shape[0],
    version: own?.version,
    ...(own?.join &&
      own.joinWeights && {
        joined: { kind: own.join, weights: Float32Array.from(own.joinWeights) },
      }),
    run: milliseconds(reply.get('policy_timing')) || milliseconds(reply.get('server_timing')),
  };
}
