/** What the two sides agree on at the NATS server: streams, buckets and the store of objects. */
export const WORK = {
  /** Key/value: each run that has attempts made, as long as it is there. */
  runs: 'nalu-work-runs',
  /** Key/value: each worker, as long as it is there. */
  workers: 'nalu-work-workers',
  /** Stream: the attempts that are still to be made, each until a worker has made it. */
  jobs: 'nalu-work-jobs',
  /** Stream: what came of them. */
  results: 'nalu-work-results',
  /** Objects by their SHA-256: policies, adapters, episodes. */
  objects: 'nalu-work',
} as const;
