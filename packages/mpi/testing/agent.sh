#!/usr/bin/env bash
# In the place of ssh: `agent.sh HOST COMMAND…` runs a command on a machine of machines.sh. As with ssh, the words are
# joined, and a shell reads them. A host name of its own for each, or MPI would take them all for one machine.
host=$1
shift
exec ip netns exec "$host" unshare --uts bash -c "hostname $host; $*"
