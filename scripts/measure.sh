# What the measuring scripts share; sourced by them, after lib.sh.

# address FILE ROLE: what a server prints there as its address, once it does.
address() {
    for _ in $(seq 100); do
        if grep -q "role=$2 address=" "$1"; then
            sed -n "s/^listening role=$2 address=//p" "$1"
            return
        fi
        sleep 0.1
    done
    cat "$1" >&2
    return 1
}

# ticks PROCESS: its CPU so far, in clock ticks.
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

# bench_binary NAME: builds a benchmark and gives its path.
bench_binary() {
    cargo bench --locked --bench "$1" --no-run 2>&1 | sed -n "s/.*(\(.*$1-[^)]*\)).*/\1/p"
}

target_folder() {
    cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# The machine, and who shares it.
machine() {
    say "machine"
    nproc | sed "s/\$/ cores ($1 on the same)/"
    sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1
}

# median FILE WHO FIELD: of the lines whose second field is WHO.
median() {
    awk -v who="$2" -v field="$3" '$2 == who {print $field}' "$1" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'
}
