#!/bin/sh
# A hook that runs before a conversation is shortened: what is said here is put before the model.
# Claude Code: "hooks": {"PreCompact": [{"hooks": [{"type": "command", "command": "./pre-compact.sh"}]}]}
cat <<'TEXT'
Before this conversation is shortened: keep what others will need with Kitbag's add_item (decisions,
observations, open questions; each with a source_label and derived_from), and note the cursor of recent_changes.
TEXT
