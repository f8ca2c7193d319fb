#!/usr/bin/env bash
# Walls between the crates, and house rules that no lint knows. Checks all, then fails once.
# The reasons are in docs/ARCHITECTURE.md and CONTRIBUTING.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

broken=0
complain() {
    echo "wall: $*" >&2
    broken=1
}

# ---- What a crate links, however far down ------------------------------------------------------

# never_links CRATE PATTERN: no package that CRATE builds with is called so, on any target.
never_links() {
    local linked
    linked=$(cargo tree --locked --package "$1" --edges normal --target all --all-features --prefix none)
    linked=$(cut -d ' ' -f 1 <<<"$linked" | sort -u | grep -vx "$1" | grep -xE "$2" | tr '\n' ' ' || true)
    [[ -z $linked ]] || complain "$1 must not link: $linked"
}

never_links kitbag-crypto 'iroh|redb|tokio|axum|automerge|kitbag-.*'
never_links kitbag-core 'iroh|redb|tokio|axum'
never_links kitbag-store 'iroh|tokio'
never_links kitbag-index 'iroh|redb|tokio|axum|kitbag-(store|node|engine|daemon|net)'
never_links kitbag-net 'redb|automerge|kitbag-.*'
never_links kitbag-node 'iroh|tokio'
never_links kitbag-scan 'iroh|redb|tokio|axum|automerge|kitbag-.*'
never_links kitbag-import 'iroh|redb|tokio|kitbag-.*'
never_links kitbag-rules 'iroh|redb|tokio|axum|kitbag-(store|index|net|node|engine|daemon|rpc)'
never_links kitbag-rpc 'kitbag-(engine|daemon|node|net|store)|iroh|redb'

never_links kitbag-mcp 'kitbag-(crypto|core|store|net|node|engine|daemon)|iroh|redb'
never_links kitbag-render 'kitbag-(crypto|core|store|net|node|engine|daemon)|iroh|redb|axum'

# Bugs on purpose are for one test binary.
shipped=$(cargo tree --locked --package kitbag --edges features --target all --all-features --prefix none)
! grep -q '"planted"' <<<"$shipped" || complain "what ships has the feature 'planted'"

# ---- What a crate names in its manifest --------------------------------------------------------

# Tests and build scripts included. crates/bench and crates/fuzz are workspaces of their own.
may_name() {
    case "$1 $2" in
    "kitbag-crypto "*) return 0 ;;
    "kitbag-store redb" | "kitbag-testkit redb") return 0 ;;
    "kitbag-net iroh"* | "kitbag-core iroh-tickets") return 0 ;;
    *) return 1 ;;
    esac
}

ciphers='ed25519-dalek|curve25519-dalek|x25519-dalek|chacha20poly1305|hpke|hkdf|argon2|ml-kem|x-wing'
members=$(cargo tree --locked --workspace --depth 0 --prefix none | cut -d ' ' -f 1 | grep . | sort -u)
for member in $members; do
    named=$(cargo tree --locked --package "$member" --edges normal,build,dev --target all --all-features --depth 1 --prefix none)
    named=$(tail -n +2 <<<"$named" | cut -d ' ' -f 1 | sort -u | grep -xE "$ciphers|redb|iroh|iroh-.*" || true)
    for name in $named; do
        may_name "$member" "$name" || complain "$member must not depend on $name"
    done
done

# ---- Manifests ---------------------------------------------------------------------------------

for manifest in Cargo.toml crates/*/Cargo.toml; do
    case $manifest in crates/bench/* | crates/fuzz/*) continue ;; esac
    grep -A 1 -x '\[lints\]' "$manifest" | grep -qx 'workspace = true' ||
        complain "$manifest does not take the workspace's lints"
done

# The boundary around Automerge catches panics; with "abort" one of them would end the daemon.
for manifest in Cargo.toml crates/fuzz/Cargo.toml; do
    sed -n '/^\[profile\.release\]/,/^\[/p' "$manifest" | grep -q '^panic = "unwind"' ||
        complain "$manifest does not say panic = \"unwind\" for release"
done

# ---- Source files ------------------------------------------------------------------------------

sources=$(find crates -name '*.rs' -not -path '*/target/*' | sort)
[[ -n $sources ]] || complain "no source file found under crates/"
while IFS= read -r file; do
    [[ $(head -c 3 "$file") == '//!' ]] || complain "$file does not open with a //! line"
done <<<"$sources"

# Libraries never print. Clippy says so too; this also holds where a lint is allowed.
while IFS= read -r file; do
    case $file in
    crates/cli/* | crates/xtask/* | crates/bench/* | crates/fuzz/*) continue ;;
    */tests/* | */examples/* | */benches/* | */tests.rs) continue ;;
    esac
    printed=$(awk '
        previous ~ /^#\[cfg\(test\)\]/ && /^(pub(\(crate\))? )?mod .*\{/ { exit }
        { previous = $0 }
        /^[[:space:]]*\/\// { next }
        /(^|[^[:alnum:]_])e?print(ln)?!/ { print FNR ": " $0 }
    ' "$file")
    [[ -z $printed ]] || complain "$file prints: $printed"
done <<<"$sources"

# ---- Tracked files -----------------------------------------------------------------------------

tracked() {
    git ls-files -z --cached --others --exclude-standard -- ':!*.lock'
}
tracked >/dev/null # a git that cannot answer must not look like a clean tree
machine_paths=$(tracked | xargs -0 grep -nIsE '(^|[^[:alnum:]_.~-])/(work|root|home)/' || true)
[[ -z $machine_paths ]] || complain "paths of one machine:"$'\n'"$machine_paths"

# ---- Links between documents -------------------------------------------------------------------

check_links() {
    python3 - <<'PY'
"""Every relative link in the documents points to a file that exists."""
import glob, os, re, sys, urllib.parse

documents = sorted(glob.glob("*.md") + glob.glob("docs/**/*.md", recursive=True))
broken = 0
for document in documents:
    with open(document, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.S | re.M)
    text = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    links = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", text)
    links += re.findall(r"^\s*\[[^\]^]+\]:\s*<?(\S+?)>?(?:\s|$)", text, flags=re.M)
    for link in links:
        path = urllib.parse.unquote(link.split("#")[0].split("?")[0])
        if not path or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", link):
            continue
        base = "." if path.startswith("/") else os.path.dirname(document)
        if not os.path.exists(os.path.join(base, path.lstrip("/"))):
            print(f"wall: {document} links to {link}, which does not exist", file=sys.stderr)
            broken = 1
print(f"links checked in {len(documents)} documents")
sys.exit(broken)
PY
}

if command -v python3 >/dev/null; then
    check_links || broken=1
elif [[ ${CI-} == true ]]; then
    complain "python3 is missing: links were not checked"
else
    echo "python3 is missing: links were not checked"
fi

((broken == 0)) || exit 1
echo "walls hold: $(wc -l <<<"$sources") source files, $(wc -w <<<"$members") packages"
