#!/bin/sh
# Two processes in two network namespaces train one model, as two machines would; then one process trains the same.
# Prints both test totals, which agree to 1e-6. Needs root, and `ip` of iproute2.
#
#     sh benchmarks/namespaces.sh [PYTHON]
set -eu
python=${1:-python}
out=$(mktemp -d)
options="vae --data digits --epochs 2 --precision fp32 --device cpu --quiet network:mlp"
clean() {
    ip netns del vaelab-a 2>/dev/null || true
    ip netns del vaelab-b 2>/dev/null || true
    rm -rf "$out"
}
trap clean EXIT
ip netns add vaelab-a
ip netns add vaelab-b
ip link add vaelab0 netns vaelab-a type veth peer name vaelab0 netns vaelab-b
for side in a b; do
    if [ $side = a ]; then address=10.77.0.1; else address=10.77.0.2; fi
    ip -n vaelab-$side address add $address/24 dev vaelab0
    ip -n vaelab-$side link set vaelab0 up
    ip -n vaelab-$side link set lo up
done
node() {
    GLOO_SOCKET_IFNAME=vaelab0 OMP_NUM_THREADS=1 ip netns exec vaelab-$1 "$python" -m torch.distributed.run \
        --nnodes 2 --node-rank "$2" --nproc-per-node 1 --master-addr 10.77.0.1 --master-port 29511 \
        -m vaelab train $options --out "$out/two"
}
node a 0 >/dev/null &
first=$!
node b 1 >/dev/null
wait $first
OMP_NUM_THREADS=1 "$python" -m vaelab train $options --out "$out/one" >/dev/null
"$python" - "$out" <<'EOF'
import csv, sys

totals = {}
for name in ("one", "two"):
    with open(f"{sys.argv[1]}/{name}/metrics.csv") as file:
        totals[name] = float(list(csv.DictReader(file))[-1]["test_total"])
difference = abs(totals["two"] - totals["one"]) / abs(totals["one"])
print(f"one process {totals['one']:.6f}, two in namespaces of their own {totals['two']:.6f}: {difference:.1e} apart")
sys.exit(difference > 1e-6)
EOF
