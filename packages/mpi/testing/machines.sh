#!/usr/bin/env bash
# "Machines" on one machine: network namespaces m0, m1, … on a bridge, each with a host name, an address and a link of a
# given rate and delay. For measurements, by root:
#
#   machines.sh up --machines 4 --rate 1gbit --delay 5ms
#   machines.sh run --machines 2 -- node_modules/.bin/node packages/shardgrad/dist/cli.js train job.ts --workers 1
#   machines.sh run --mpi mpich -- …             over MPICH (default openmpi); --machines: on the first so many
#   machines.sh exec 1 -- COMMAND…               on m1 alone, without MPI
#   machines.sh down
#
# The rate is that of each machine's link, each way; the delay is one way, so a round trip takes twice as long. Without
# them the links are as fast as the kernel copies. TCP's congestion control is Linux's default, cubic, whatever this
# machine has (`--congestion bbr`): it decides how several machines share a link. `run` starts mpirun on m0, as its user
# would.
set -euo pipefail
bridge=sgbr
net=10.77.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Runs a command on a machine. What ssh would let a shell read again is quoted.
on() {
  local machine=$1
  shift
  exec "$here/agent.sh" "$machine" "$(printf '%q ' "$@")"
}

fail() {
  echo "machines.sh: $1" >&2
  exit 2
}

# The numbers of the machines that are up.
present() { ip netns list | sed -n 's/^m\([0-9][0-9]*\)\b.*/\1/p' | sort -n; }

down() {
  for pid in $(cat /run/shardgrad-delay-*.pid 2> /dev/null); do kill "$pid" 2> /dev/null || true; done
  rm -f /run/shardgrad-delay-*.pid
  for i in $(present); do
    ip link del "sgv$i" 2> /dev/null || true
    ip netns del "m$i"
    rm -rf "/etc/netns/m$i"
  done
  ip link del "$bridge" 2> /dev/null || true
}

up() {
  local machines=2 rate='' delay='' burst=128kb congestion=cubic
  while [ $# -gt 0 ]; do
    case $1 in
      --machines) machines=$2 ;;
      --rate) rate=$2 ;;
      --delay) delay=$2 ;;
      --burst) burst=$2 ;;
      --congestion) congestion=$2 ;;
      *) fail "unknown option $1; see the head of the script" ;;
    esac
    shift 2
  done
  [ -z "$delay" ] || command -v iptables-legacy > /dev/null ||
    fail 'a delay needs iptables-legacy (apt install iptables)'
  down
  ip link add "$bridge" type bridge
  ip addr add "$net.254/24" dev "$bridge"
  ip link set "$bridge" up
  for ((i = 0; i < machines; i++)); do
    ip netns add "m$i"
    ip link add "sgv$i" type veth peer name e0 netns "m$i"
    ip link set "sgv$i" master "$bridge" up
    ip -n "m$i" addr add "$net.$((i + 1))/24" dev e0
    ip -n "m$i" link set lo up
    ip -n "m$i" link set e0 up
    ip netns exec "m$i" sysctl -qw "net.ipv4.tcp_congestion_control=$congestion" 2> /dev/null || {
      down
      fail "TCP's $congestion is not allowed here: sysctl -w net.ipv4.tcp_allowed_congestion_control='$(sysctl -n net.ipv4.tcp_allowed_congestion_control) $congestion', or --congestion with one of these"
    }
    mkdir -p "/etc/netns/m$i"
    {
      echo '127.0.0.1 localhost'
      for ((j = 0; j < machines; j++)); do echo "$net.$((j + 1)) m$j"; done
    } > "/etc/netns/m$i/hosts"
    if [ -n "$rate" ]; then
      # A burst of one large packet: with more, a link that was idle would carry a whole message at once.
      tc -n "m$i" qdisc replace dev e0 root tbf rate "$rate" burst "$burst" latency 50ms
      tc qdisc replace dev "sgv$i" root tbf rate "$rate" burst "$burst" latency 50ms
    fi
    [ -z "$delay" ] || delay_arrivals "$i" "$delay"
  done
  echo "machines: $machines, rate ${rate:-unlimited}, delay ${delay:-none}, TCP $congestion"
}

# Where packets arrive, as the sender's kernel limits what it has under way within itself.
delay_arrivals() {
  ip netns exec "m$1" iptables-legacy -t mangle -A PREROUTING -i e0 -j NFQUEUE --queue-num 0
  ip netns exec "m$1" nice -n -15 python3 "$here/delay.py" "$2" < /dev/null > /dev/null 2>&1 &
  echo $! > "/run/shardgrad-delay-$1.pid"
  disown
}

run() {
  local mpi=openmpi machines hosts='' i
  machines=$(present | wc -l)
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
      --machines) machines=$2 ;;
      --mpi) mpi=$2 ;;
      *) fail "unknown option $1; see the head of the script" ;;
    esac
    shift 2
  done
  [ "${1-}" = -- ] && shift
  [ $# -gt 0 ] || fail 'run: no command after --'
  [ "$machines" -gt 0 ] && [ "$machines" -le "$(present | wc -l)" ] ||
    fail "run: $(present | wc -l) machines are up, not $machines; machines.sh up --machines $machines"
  for ((i = 0; i < machines; i++)); do hosts+=${hosts:+,}m$i; done
  case $mpi in
    openmpi)
      on m0 "${MPIRUN:-mpirun.openmpi}" --allow-run-as-root --bind-to none -n "$machines" --host "$hosts" \
        --mca plm_rsh_agent "$here/agent.sh" --mca oob_tcp_if_include e0 --mca pml ob1 \
        --mca btl tcp,self --mca btl_tcp_if_include e0 "$@"
      ;;
    mpich)
      on m0 env UCX_TLS=tcp,self UCX_NET_DEVICES=e0 "${MPIRUN:-mpirun.mpich}" -launcher rsh \
        -launcher-exec "$here/agent.sh" -iface e0 -n "$machines" -hosts "$hosts" "$@"
      ;;
    *) fail "--mpi $mpi, expected openmpi or mpich" ;;
  esac
}

[ $# -gt 0 ] || fail 'expected up, run, exec or down; see the head of the script'
action=$1
shift
case $action in
  up) up "$@" ;;
  run) run "$@" ;;
  exec)
    machine=$1
    shift
    [ "${1-}" = -- ] && shift
    on "m$machine" "$@"
    ;;
  down) down ;;
  *) fail "$action, expected up, run, exec or down" ;;
esac
