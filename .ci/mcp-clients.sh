#!/usr/bin/env bash
# The MCP clients of others that the tests speak to, into a cache outside the checkout: the official
# Python SDK, fastmcp, and, where npm works, the Inspector and the conformance suite with their Node.
# Does nothing for what is there. Versions are pinned: a new one is a change of its own.
set -euo pipefail

CLIENTS="${KITBAG_MCP_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/kitbag/mcp-clients}"
PYTHON_SDK=2.3.0
FASTMCP=4.1.2
NODE=22.23.3
INSPECTOR=2.12.0
CONFORMANCE=0.2.0-alpha.12

mkdir -p "$CLIENTS"

# marked NAME VERSION...: whether these versions were installed before.
marked() { [[ -f "$CLIENTS/$1.installed" && $(cat "$CLIENTS/$1.installed") == "${*:2}" ]]; }
mark() { echo "${*:2}" >"$CLIENTS/$1.installed"; }

if ! marked venv "$PYTHON_SDK"; then
    rm -rf "$CLIENTS/venv"
    python3 -m venv "$CLIENTS/venv"
    "$CLIENTS/venv/bin/pip" install --quiet --disable-pip-version-check "mcp==$PYTHON_SDK"
    mark venv "$PYTHON_SDK"
fi

# In an environment of its own: it pins another SDK.
if ! marked fastmcp "$FASTMCP"; then
    rm -rf "$CLIENTS/fastmcp"
    python3 -m venv "$CLIENTS/fastmcp"
    "$CLIENTS/fastmcp/bin/pip" install --quiet --disable-pip-version-check "fastmcp==$FASTMCP"
    mark fastmcp "$FASTMCP"
fi

if ! marked node "$NODE" "$INSPECTOR" "$CONFORMANCE"; then
    if command -v npm >/dev/null; then
        npm install --silent --no-audit --no-fund --prefix "$CLIENTS/node" "node@$NODE" \
            "@modelcontextprotocol/inspector@$INSPECTOR" "@modelcontextprotocol/conformance@$CONFORMANCE"
        mark node "$NODE" "$INSPECTOR" "$CONFORMANCE"
    else
        echo "npm is missing: the Inspector and the conformance suite are not installed" >&2
    fi
fi
echo "$CLIENTS"
