#!/usr/bin/env bash
# The MCP clients of others that the tests speak to, into a cache outside the checkout: the official
# Python SDK, and where they install fastmcp, the Inspector and the conformance suite with their Node.
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

# absent NAME WHY: it cannot be had here; the tests that need it are skipped, and say so.
absent() { echo "$2" | tee "$CLIENTS/$1.absent" >&2; }

# In an environment of its own: it pins another SDK.
if ! marked fastmcp "$FASTMCP"; then
    rm -rf "$CLIENTS/fastmcp" "$CLIENTS/fastmcp.absent"
    python3 -m venv "$CLIENTS/fastmcp"
    if "$CLIENTS/fastmcp/bin/pip" install --quiet --disable-pip-version-check "fastmcp==$FASTMCP"; then
        mark fastmcp "$FASTMCP"
    else
        absent fastmcp "fastmcp $FASTMCP does not install here"
    fi
fi

if ! marked node "$NODE" "$INSPECTOR" "$CONFORMANCE"; then
    rm -rf "$CLIENTS/node" "$CLIENTS/node.absent"
    if ! command -v npm >/dev/null; then
        absent node "npm is missing: no Inspector and no conformance suite"
    elif npm install --silent --no-audit --no-fund --prefix "$CLIENTS/node" "node@$NODE" \
        "@modelcontextprotocol/inspector@$INSPECTOR" "@modelcontextprotocol/conformance@$CONFORMANCE"; then
        mark node "$NODE" "$INSPECTOR" "$CONFORMANCE"
    else
        absent node "npm does not install the Inspector and the conformance suite here"
    fi
fi
echo "$CLIENTS"
