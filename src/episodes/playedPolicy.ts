/**
 * The policy that an episode was made with: its header's, a name and the version that the policy came with, with the
 * version that played; the header's where that is not known.
 */
export const playedPolicy = (policy: string, version: string | undefined): string =>
  version === undefined ? policy : policy.replace(/ \S+$/, ` ${version}`);
