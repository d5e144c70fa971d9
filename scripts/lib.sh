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
