import { Packr, Unpackr } from 'msgpackr';

const packr = new Packr({ useRecords: false, moreTypes: true });
/** For what pages send: plain values alone. */
const plain = new Unpackr({ useRecords: false, moreTypes: false });

/** A message as msgpack; typed arrays keep their type. */
export const pack = (message: unknown): Buffer => packr.pack(message);

/** A message of the server. */
export const unpack = (bytes: Buffer): unknown => packr.unpack(bytes);

/** A page's message, of which nothing is believed. Throws where the bytes are no msgpack. */
export const unpackPlain = (bytes: Buffer): unknown => plain.unpack(bytes);
