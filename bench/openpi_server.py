"""openpi's policy server with a policy that does nothing: the yardstick of bench/serving.ts.

Needs numpy, msgpack, websockets, and a checkout of openpi in the environment variable OPENPI. Its first argument is
the port.
"""

import logging
import os
import sys

root = os.environ["OPENPI"]
sys.path[:0] = [os.path.join(root, "src"), os.path.join(root, "packages/openpi-client/src")]

import numpy as np  # noqa: E402
from openpi.serving.websocket_policy_server import WebsocketPolicyServer  # noqa: E402

logging.disable()


class Stub:
    """A chunk of zeros for every observation."""

    def infer(self, obs):
        return {"actions": np.zeros((50, 14)), "policy_timing": {"infer_ms": 0.0}}


WebsocketPolicyServer(Stub(), host="127.0.0.1", port=int(sys.argv[1])).serve_forever()
