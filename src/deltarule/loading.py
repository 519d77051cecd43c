"""Loading a network from a model file, of whatever kind the file is."""

from __future__ import annotations

from deltarule.network import Network, Path
from deltarule.storage import network_parts


def load(path: Path) -> Network:
    """Return the network in a model file; of a table model, the network without its table.

    Nothing in the file is executed.

    Raises:
        ModelFileError: there is no such file, or it is not a valid model file.
    """
    return Network.from_file(network_parts.read_file(path))
