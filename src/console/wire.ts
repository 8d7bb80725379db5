import { Packr } from 'msgpackr';

const packr = new Packr({ useRecords: false, moreTypes: true });

/** A message as msgpack; typed arrays keep their type. */
export const pack = (message: unknown): Buffer => packr.pack(message);

/** Throws where the bytes are no msgpack. */
export const unpack = (bytes: Buffer): unknown => packr.unpack(bytes);
