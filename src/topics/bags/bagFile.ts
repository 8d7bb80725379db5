import type { Channel } from '../../episodes/channels.ts';

/** A message in a file of a bag. */
export interface BagMessage {
  channel: Channel;
  /** When it was recorded, ns. */
  stamp: bigint;
  /** Its CDR bytes, while the file is being read on. */
  data: () => Promise<Uint8Array>;
  /** The same, at any time until the file is closed. */
  read: () => Promise<Uint8Array>;
}

/** A file of a bag, of any storage. */
export interface BagFile {
  /** The messages of these topics in the file's order, and what is damaged, in words. */
  contents(wanted: ReadonlySet<string>): AsyncGenerator<BagMessage | string>;
  /** Every topic that it declares, once its contents were read. */
  topics(): string[];
  close(): Promise<void>;
}
