# Sourced by the scripts beside it: steps that run in lanes, side by side.
#
# A script sets LANES, each a string of steps that run one after the other, defines step_NAME for each of
# them and ends with `run_lanes "$@"`. OPTIONAL may hold steps that run only when they are named. WORK is a
# temporary folder; nothing is written to the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
WORK=$(mktemp -d)
trap finish EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
exec </dev/null

finish() {
    local lane
    for lane in $(jobs -rp); do kill -- "-$lane" || true; done
    wait
    rm -rf "$WORK"
}

copy_tree() {  # DIRECTORY: what a fresh clone would hold, with the changes not yet committed
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
        tar --null --files-from=- -cf - | tar -xf - -C "$1"
}

run_lane() {  # STEP ...: one after the other; a line for each that ends
    local step start status
    set +e  # a subshell that is not part of a condition keeps its own `set -e`
    for step in "$@"; do
        start=$SECONDS
        (set -e; "step_$step") >"$WORK/$step.log" 2>&1
        status=$?
        echo "$step" $status $((SECONDS - start))
    done
}

run_lanes() {  # ARGUMENTS of the script: nothing for all steps, their names, or --list
    local all known lane step chosen steps status seconds result passed=0
    local -A summary
    read -ra all <<<"${LANES[*]}"
    read -ra known <<<"${LANES[*]} ${OPTIONAL:-}"
    if [ "${1:-}" = --list ]; then
        printf '%s\n' "${known[@]}"
        return
    fi
    chosen=("${@:-${all[@]}}")
    for step in "${chosen[@]}"; do
        [[ " ${known[*]} " == *" $step "* ]] || { echo "unknown step '$step'; expected: ${known[*]}" >&2; return 2; }
    done

    set -m  # a lane is a process group, to be stopped as a whole; without -m its processes would ignore Ctrl-C
    mkfifo "$WORK/ended"
    exec 3<>"$WORK/ended"
    for lane in "${LANES[@]}" "${OPTIONAL:-}"; do
        steps=()
        for step in "${chosen[@]}"; do [[ " $lane " != *" $step "* ]] || steps+=("$step"); done
        run_lane "${steps[@]}" >&3 3>&- &
    done
    exec 4<"$WORK/ended" 3>&-  # ends when every lane has ended
    while read -r step status seconds <&4; do
        if [ "$status" -eq 0 ]; then result=passed; passed=$((passed + 1)); else result=FAILED; fi
        summary[$step]=$(printf '%-14s %-7s %4d s' "$step" "$result" "$seconds")
        printf '\n=== %s\n' "$step"
        cat "$WORK/$step.log"
        printf -- '--- %s\n' "${summary[$step]}"
    done

    printf '\n=== summary: %d of %d steps passed in %d s\n' "$passed" ${#chosen[@]} "$SECONDS"
    for step in "${chosen[@]}"; do echo "${summary[$step]:-$step was stopped}"; done
    [ "$passed" -eq ${#chosen[@]} ]
}
