/** What the two sides agree on at the NATS server: streams and buckets. */
export const WORK = {
  /** Key/value: each run that has attempts made, as long as it is there. */
  runs: 'nalu-work-runs',
  /** Key/value: each worker, as long as it is there. */
  workers: 'nalu-work-workers',
  /** Stream: the attempts that are still to be made, each until a worker has made it. */
  jobs: 'nalu-work-jobs',
  /** Stream: what came of them. */
  results: 'nalu-work-results',
  /** Stream: objects by their SHA-256, in parts: policies, adapters, episodes. */
  objects: 'nalu-work-objects',
} as const;

/** The subject of a part of an object, of the mark that it is whole, or of all of it. */
export const objectSubject = (sha256: string, part: number | 'whole' | '>'): string =>
  `nalu-work.objects.${sha256}.${part}`;
export const ALL_OBJECTS = 'nalu-work.objects.>';
