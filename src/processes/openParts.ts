interface Part {
  close: () => void | Promise<void>;
}

/** Parts of a command that are opened one after another: all that were are closed, the last one first. */
export function openParts() {
  const parts: Part[] = [];
  const keep = <T extends Part>(part: T): T => {
    parts.push(part);
    return part;
  };
  const closeAll = async (): Promise<void> => {
    for (const part of parts.toReversed()) await part.close();
  };
  return { keep, closeAll };
}
