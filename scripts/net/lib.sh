# shellcheck shell=bash
# Shared by the scripts of this folder: two network namespaces, an agent in one, a client in the
# other, and an end that leaves nothing behind. Sourced; `net_begin` first.
#
# The agent's port is 10.99.0.2 and fd00::2 (02:00:00:00:00:02), the client 10.99.0.1 and fd00::1.

net_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
net_lictor=${LICTOR_BINARY:-$net_root/build/lictor}
net_lcore=${LICTOR_LCORE:-0}
net_pids=()
# What runs in the background ends even when the script is killed.
net_dies_along=(setpriv --pdeathsig KILL)

say() { printf '\n== %s\n' "$*"; }

fail() {
        echo "$(basename "$0"): $*" >&2
        exit 1
}

# Runs something and shows it as it would be typed, with the namespace for a prompt.
shown() {
        case $1 in
        in_client) echo "client\$ ${*:2}" ;;
        in_agent) echo "agent\$ ${*:2}" ;;
        *) echo "\$ $*" ;;
        esac
        "$@"
}

net_begin() {
        [ "$(id -u)" -eq 0 ] || fail "needs root, for network namespaces"
        for tool in ip ethtool dig kxdpgun curl dpdk-testpmd; do
                command -v "$tool" >/dev/null || fail "$tool is missing: scripts/setup --with tests"
        done
        [ -x "$net_lictor" ] || fail "$net_lictor is missing: cmake --preset release && ninja -C build"
        net_folder=$(mktemp -d /tmp/lictor-net.XXXXXX)
        net_agent=lictor-a$$ net_client=lictor-c$$
        trap net_end EXIT
        trap 'exit 130' HUP INT TERM
        for namespace in "$net_agent" "$net_client"; do
                ip netns add "$namespace"
                ip -n "$namespace" link set lo up
        done
}

net_end() {
        local status=$? pid i

        trap - EXIT
        for pid in "${net_pids[@]}"; do
                kill "$pid" 2>/dev/null || true
        done
        # Ten seconds to end by themselves, together.
        for ((i = 0; i < 100; i++)); do
                kill -0 "${net_pids[@]}" 2>/dev/null || break
                sleep 0.1
        done
        for pid in "${net_pids[@]}"; do
                kill -KILL "$pid" 2>/dev/null || true
                wait "$pid" 2>/dev/null || true
        done
        if [ "$status" -ne 0 ] && [ "$status" -ne 130 ] && [ -s "$net_folder/agent.log" ]; then
                echo "--- the agent's log:" >&2
                tail -n 20 "$net_folder/agent.log" >&2
        fi
        ip netns delete "$net_agent" 2>/dev/null || true
        ip netns delete "$net_client" 2>/dev/null || true
        rm -rf "$net_folder"
        exit "$status"
}

in_agent() { ip netns exec "$net_agent" "$@"; }
in_client() { ip netns exec "$net_client" "$@"; }

# Waits for a condition, ten seconds at most.
net_wait() {
        local what=$1 i

        shift
        for ((i = 0; i < 200; i++)); do
                if "$@" >/dev/null 2>&1; then
                        return
                fi
                sleep 0.05
        done
        fail "$what did not happen within 10 s"
}

# net_start_agent DEVICE: an agent on one DPDK port, with a kernel interface for the rest.
# Works without hugepages; LICTOR_EAL replaces EAL's arguments (a JSON array).
net_start_agent() {
        local eal=${LICTOR_EAL:-'["--no-pci", "--no-huge", "-m", "256"]'}

        cat >"$net_folder/agent.json" <<JSON
{
  "client_addr": "0.0.0.0", "bind_addr": "127.0.0.1", "node_name": "node1",
  "telemetry": { "prometheus_retention_time": "60s" },
  "dataplane": {
    "driver": "dpdk", "eal": $eal, "lcores": [$net_lcore],
    "ports": [ { "device": "$1", "mac": "02:00:00:00:00:02",
                 "addresses": ["10.99.0.2/24", "fd00::2/64"], "exception": "lictor0" } ]
  }
}
JSON
        say "the agent's configuration"
        cat "$net_folder/agent.json"
        # Not through in_agent: a function in the background is a shell of its own, and it would be
        # that shell which $! names and the end kills.
        "${net_dies_along[@]}" ip netns exec "$net_agent" "$net_lictor" agent -dev -config-file "$net_folder/agent.json" \
                >"$net_folder/agent.log" 2>&1 &
        net_agent_pid=$!
        net_pids+=("$net_agent_pid")
        net_wait "the agent's start" net_agent_is_up
}

net_agent_is_up() {
        kill -0 "$net_agent_pid" 2>/dev/null || fail "the agent ended"
        in_agent curl -sf http://127.0.0.1:8500/v1/status/leader
}

# Gives the client's end of the wire its addresses.
net_client_up() {
        local interface=$1

        ip -n "$net_client" link set "$interface" down
        ip -n "$net_client" link set "$interface" address 02:00:00:00:00:01
        ip -n "$net_client" link set "$interface" up
        ip -n "$net_client" address add 10.99.0.1/24 dev "$interface"
        ip -n "$net_client" address add fd00::1/64 dev "$interface" nodad
        # A kernel that leaves checksums to hardware which is not there sends wrong ones.
        in_client ethtool -K "$interface" tx off >/dev/null 2>&1 || true
}

# net_start_bridge DEVARGS: a testpmd that carries frames between a DPDK port and the client's TAP
# interface client0.
net_start_bridge() {
        say "dpdk-testpmd carries frames between $1 and the client's client0"
        "${net_dies_along[@]}" ip netns exec "$net_client" dpdk-testpmd --no-pci --no-huge --no-shconf -m 128 --no-telemetry --log-level=3 \
                --lcores '0@1,1@1' --vdev "$1" --vdev net_tap0,iface=client0 -- \
                --auto-start --nb-cores=1 --total-num-mbufs=16384 --forward-mode=io \
                --no-lsc-interrupt --stats-period=3600 >"$net_folder/testpmd.log" 2>&1 </dev/null &
        net_pids+=("$!")
        net_wait "client0" ip -n "$net_client" link show client0
}

# What one would try by hand, against the agent through its DPDK port.
net_try() {
        local rate=$1 generator i

        generator=$(nproc)
        net_wait "an answer from the port" in_client ping -c 1 -W 1 10.99.0.2
        say "the data plane answers ARP, NDP and echo by itself"
        shown in_client ping -c 2 -W 2 -q 10.99.0.2
        shown in_client ping -c 2 -W 2 -q fd00::2

        say "HTTP passes by the exception interface to the agent, through the same port"
        shown in_client curl -sS --max-time 5 -X PUT http://10.99.0.2:8500/v1/agent/service/register \
                -d '{"Name": "web", "Address": "192.0.2.7", "Port": 80}'
        for ((i = 0; i < 100; i++)); do
                printf '{"Name": "s%07d", "Port": %d}' "$i" "$((1024 + i))" |
                        in_client curl -sSf --max-time 5 -X PUT -d @- \
                                http://10.99.0.2:8500/v1/agent/service/register
                printf 's%07d.service.consul %s\n' "$i" "$([ $((i % 2)) = 0 ] && echo A || echo SRV)"
        done >"$net_folder/questions"

        say "dig, over IPv4, IPv6 and TCP"
        shown in_client dig +short +time=2 +tries=1 @10.99.0.2 -p 8600 web.service.consul
        shown in_client dig +short +time=2 +tries=1 @fd00::2 -p 8600 web.service.consul SRV
        shown in_client dig +short +time=2 +tries=1 +tcp @10.99.0.2 -p 8600 web.service.consul

        say "kxdpgun asks about 100 services, $rate times a second"
        shown in_client kxdpgun -F "$((generator - 1))s1" -t 3 -Q "$rate" -p 8600 -i "$net_folder/questions" 10.99.0.2

        say "what the data plane counted"
        net_counters
}

# The lcores' counters that are not zero.
net_counters() {
        in_agent curl -s 'http://127.0.0.1:8500/v1/agent/metrics?format=prometheus' |
                grep -E '^lictor_dataplane_.*lcore.* [1-9][0-9]*$' | grep -v cycles || true
}

# net_generate PCAP SECONDS DEVARGS: make_queries' capture against the services it asks about.
net_generate() {
        [ -r "$1" ] || fail "--generate needs a PCAP: scripts/pktgen/make_queries --services 1000 ..."
        say "1000 services, named as make_queries --services 1000 names them"
        for ((i = 0; i < 1000; i++)); do
                [ "$i" = 0 ] || echo next
                printf 'url = "http://127.0.0.1:8500/v1/agent/service/register"\nrequest = PUT\n'
                printf 'data = "{\\"Name\\":\\"s%07d\\",\\"Port\\":80}"\n' "$i"
        done | in_agent curl -sSf --config - >/dev/null
        shown "$net_root/scripts/pktgen/testpmd-dns" -t "$2" -c "$(($(nproc) - 1))" "$1" "$3"
        say "what the data plane counted"
        net_counters
}
