/** A time or duration in a ROS message. */
export interface Stamp {
  sec: number;
  nanosec: number;
}

const SECOND = 1_000_000_000n;

export const stampOf = (nanoseconds: bigint): Stamp => ({
  sec: Number(nanoseconds / SECOND),
  nanosec: Number(nanoseconds % SECOND),
});

export const nanosecondsOf = ({ sec, nanosec }: Stamp): bigint =>
  BigInt(sec) * SECOND + BigInt(nanosec);

/** A std_msgs/Header. */
export interface Header {
  stamp: Stamp;
  frame_id: string;
}

export const headerAt = (stamp: bigint, frame = ''): Header => ({
  stamp: stampOf(stamp),
  frame_id: frame,
});
