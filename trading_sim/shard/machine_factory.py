"""Makes the shard's state machines for replication, compiled before the first order comes."""

import numpy as np

from trading_sim.matching.records import COMMAND, Kind
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import ShardMachine
from trading_sim.shard.warm import warm


class ShardMachineFactory:
    """Machines of one configuration."""

    def __init__(self, config: ShardConfig) -> None:
        self._config = config

    @classmethod
    def from_json(cls, text: str) -> "ShardMachineFactory":
        """The factory of a configuration file; raises ShardConfigError."""
        return cls(ShardConfig.from_json(text))

    def create(self) -> ShardMachine:
        """A machine in its first state."""
        return ShardMachine(self._config)

    def restore(self, data: bytes) -> ShardMachine:
        """The machine whose snapshot this is; raises ValueError or a subclass."""
        return ShardMachine.restore(self._config, data)

    def warm_up(self) -> None:
        """Compile what orders will need, on a machine that is thrown away: it takes longer than an election time-out."""
        if self._config.engine == "numba":
            warm()
        batch = np.zeros(8, COMMAND)
        batch["seq"] = np.arange(1, 9)
        batch["kind"], batch["order_id"], batch["qty"] = Kind.NEW, np.arange(1, 9), 100
        self.create().apply(np.frombuffer(batch.tobytes(), COMMAND), 1)
