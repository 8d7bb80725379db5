import type { Fault } from '../errors.ts';

/** What an error says whose policy gave an answer that is no chunk, as one that has learned little may. */
export const NO_CHUNK = { kind: 'invalid', fields: ['tokens'] } as const satisfies Fault;

/** Whether an attempt ended because its policy's answer was no chunk. */
export const isNoChunk = ({ kind, fields = [] }: Fault): boolean =>
  kind === NO_CHUNK.kind && fields.includes(NO_CHUNK.fields[0]);
