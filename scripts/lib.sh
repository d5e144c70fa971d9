# What the scripts share; sourced by them.

say() { printf '\n== %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# need_commands COMMAND:PACKAGE… installs Debian's packages of the commands that are missing; on a terminal it asks first.
need_commands() {
    local missing=() pair
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    install_packages "${missing[@]}"
}

# need_python_module MODULE:PACKAGE… does the same for modules of Debian's own Python.
need_python_module() {
    local missing=() pair
    for pair in "$@"; do
        /usr/bin/python3 -c "import ${pair%%:*}" 2>/dev/null || missing+=("${pair##*:}")
    done
    install_packages "${missing[@]}"
}

# python_environment FOLDER REQUIREMENTS makes an environment of exactly these packages, once for each content of the file.
python_environment() {
    cmp -s "$2" "$1/requirements.txt" && return
    say "the Python environment $1"
    /usr/bin/python3 -m venv --clear "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check -r "$2"
    cp "$2" "$1/requirements.txt"
}

# node_packages FOLDER installs exactly the packages of its lock file, once for each content of that; none of their scripts runs.
node_packages() {
    cmp -s "$1/package-lock.json" "$1/node_modules/installed-lock.json" && return
    say "the packages of $1"
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel error
    cp "$1/package-lock.json" "$1/node_modules/installed-lock.json"
}

install_packages() {
    local missing=("$@") answer
    [ ${#missing[@]} = 0 ] && return
    if [ -t 0 ]; then
        read -r -p "install ${missing[*]} with apt-get? [y/N] " answer
        [ "$answer" = y ] || { echo "missing: ${missing[*]}" >&2; exit 1; }
    fi
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}"
}

# start_postgres FOLDER [CONFIGURATION…] starts a PostgreSQL of its own on a free port of 127.0.0.1, with everything in FOLDER
# (a new one), and sets POSTGRES_URL. The system's own service stays off: a fresh package makes no cluster.
start_postgres() {
    local folder=$1 line port
    shift
    if ! ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1; then
        as_root mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" | as_root tee -a /etc/postgresql-common/createcluster.conf >/dev/null
        install_packages postgresql
    fi
    mkdir -p "$folder"
    chmod 711 "$(dirname "$folder")"
    as_root chown postgres "$folder"
    postgres_do initdb -D "$folder/data" -A trust -U postgres -N >/dev/null
    port=$(free_port)
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "port = $port"
        echo "unix_socket_directories = '$folder'"
        echo "max_connections = 300"
        for line in "$@"; do echo "$line"; done
    } | as_root tee -a "$folder/data/postgresql.conf" >/dev/null
    postgres_do pg_ctl -D "$folder/data" -l "$folder/log" -w start >/dev/null
    POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

stop_postgres() {
    postgres_do pg_ctl -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true
    as_root rm -rf "$1"
}

# The newest PostgreSQL's COMMAND as its own user, who alone may run it.
postgres_do() {
    local bin command
    bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
    command=$(printf '%q ' "$bin/$1" "${@:2}")
    as_root su postgres -s /bin/bash -c "cd / && $command"
}

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
