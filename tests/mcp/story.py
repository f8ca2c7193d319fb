"""An agent's day through the official Python SDK: argv is the program, the home, the agent's name and a pack.

Standard input and output of the server are the SDK's; what is checked here is what a client sees. The
last line says `ok` and what happened, for the test that started this.
"""

import asyncio
import json
import sys

import mcp
from mcp import Client, StdioServerParameters

PROGRAM, HOME, AGENT, PACK, MODE = sys.argv[1:6]
READ_ONLY = {
    "list_packs", "search_items", "read_items", "build_context", "recent_changes", "explain_access",
}
ALL = READ_ONLY | {"add_item", "update_item", "report_feedback"}


def params():
    return StdioServerParameters(
        command=PROGRAM, args=["--home", HOME, "mcp", "--agent", AGENT],
        env={"KITBAG_NO_AUTOSTART": "1"},
    )


async def call(client, tool, **arguments):
    """Calls a tool that must succeed; text and structured content say the same."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, f"{tool}: {result.content[0].text}"
    assert json.loads(result.content[0].text) == result.structured_content, tool
    return result.structured_content


async def fails(client, tool, code, **arguments):
    """Calls a tool that must be refused with this code."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, f"{tool} {arguments}: {result.content[0].text}"
    told = json.loads(result.content[0].text)
    assert told["code"] == code, f"{tool} {arguments}: {told}"
    assert told["message"], told
    return told


async def story(client):
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == ALL, [tool.name for tool in tools]
    again = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [tool.name for tool in again]
    for tool in tools:
        hints = tool.annotations
        assert hints.read_only_hint == (tool.name in READ_ONLY), tool.name
        assert hints.destructive_hint is False and hints.open_world_hint is False, tool.name
        assert hints.idempotent_hint is not None and tool.output_schema, tool.name

    packs = (await call(client, "list_packs"))["packs"]
    assert [pack["title"] for pack in packs] == ["Acme"], packs
    pack = packs[0]["id"]
    assert PACK.startswith(pack) and packs[0]["clearance"] == "internal", packs

    # What is restricted is neither found nor counted; its masked copy is.
    found = await call(client, "search_items", q="refund")
    assert found["total"] == len(found["results"]) == 2, found
    assert all(hit["sensitivity"] == "internal" for hit in found["results"]), found
    assert "1980" not in json.dumps(found) and "maria@example.com" not in json.dumps(found)
    none = await call(client, "search_items", query="1980-05-17")
    assert none["total"] == 0 and none["results"] == [], none
    first = await call(client, "search_items", query="refund", limit=1)
    rest = await call(client, "search_items", query="refund", limit=1, cursor=first["next_cursor"])
    assert {first["results"][0]["id"], rest["results"][0]["id"]} == {h["id"] for h in found["results"]}

    ids = [hit["id"] for hit in found["results"]]
    read = await call(client, "read_items", ids=ids + ["aaaaaaaaaaaaaaaa"])
    assert [note["id"] for note in read["notes"]] == ids, read
    assert read["unknown"] == ["aaaaaaaaaaaaaaaa"], read
    assert all(note["source"]["trust"] for note in read["notes"]), read

    long = (await call(client, "search_items", query="chronicle"))["results"][0]["id"]
    text, ask, pieces = "", long, 0
    while ask:
        note = (await call(client, "read_items", ids=[ask], max_tokens=600))["notes"][0]
        assert note["tokens"] <= 600, note["tokens"]
        text, ask, pieces = text + note["body"], note.get("next"), pieces + 1
    assert pieces > 3 and text.count("chapter") == 400, (pieces, text.count("chapter"))

    context = await call(client, "build_context", topic="refund", max_tokens=1200)
    assert context["tokens"] <= 1200 and set(context["item_ids"]) <= set(ids), context
    assert context["text"].startswith("<context_pack") and "never" not in context["dropped"], context
    small = await call(client, "build_context", topic="refund chronicle", max_tokens=700)
    assert {drop["why"] for drop in small["dropped"]} <= {"budget"} and small["dropped"], small
    await call(client, "build_context", topic="refund", format="markdown")
    json.loads((await call(client, "build_context", topic="refund", format="json"))["text"])

    added = await call(
        client, "add_item", pack=pack, title="Wants it back", content="The customer wants the money back.",
        source="Read from two notes", derived_from=ids[:1], model="test-model", idempotency_key="one",
    )
    assert added["became"] == "added" and added["readable_by"] == ["Ada"], added
    again = await call(
        client, "add_item", pack=pack, title="Wants it back", content="The customer wants the money back.",
        source="Read from two notes", derived_from=ids[:1], model="test-model", idempotency_key="one",
    )
    assert again["became"] == "same_key" and again["id"] == added["id"], again
    await fails(client, "add_item", "conflict", pack=pack, body="else", source="x", idempotency_key="one")
    recalled = await call(
        client, "add_item", pack=pack, body=read["notes"][0]["body"], source_label="My own insight",
    )
    assert recalled["became"] == "recalled" and recalled["id"] in ids, recalled
    own = (await call(client, "read_items", ids=[added["id"]]))["notes"][0]
    assert own["produced_by"] == {"agent": AGENT, "model": "test-model"}, own
    assert own["source"]["captured_by"].startswith(AGENT), own
    assert own["source"]["trust"] == "untrusted_external" and own["claim"] == "inference", own

    changes = await call(client, "recent_changes")
    assert changes["changes"] and all(change["by_human"] for change in changes["changes"]), changes
    assert added["id"] not in [change["id"] for change in changes["changes"]]
    cursor = changes["cursor"]
    for _ in range(20):
        changes = await call(client, "recent_changes", cursor=cursor)
        cursor = changes["cursor"]
        if not changes["changes"]:
            break
    assert not changes["changes"] and not changes["more"], changes

    assert (await call(client, "update_item", id=added["id"], add_tags=["refund"]))["changed"]
    assert not (await call(client, "update_item", id=added["id"], tags=["refund"]))["changed"]
    assert (await call(client, "report_feedback", id=ids[0], verdict="helpful"))["became"] == "added"
    assert (await call(client, "explain_access", id=ids[0]))["state"] == "open"
    assert (await call(client, "explain_access", id="a" * 16))["state"] == "unknown"

    # What it may not do, each with a sentence and a code.
    await fails(client, "add_item", "bad-input", pack=pack, body="x", source="y", claim="directive")
    await fails(client, "add_item", "denied", pack=pack, body="x", source="y", sensitivity="public")
    await fails(client, "add_item", "denied", pack=pack, body="x", source="y", sensitivity="restricted")
    await fails(client, "add_item", "not-found", pack="a" * 16, body="x", source="y")
    await fails(client, "add_item", "bad-input", pack=pack, body="x", source="y", consent="granted")
    await fails(client, "search_items", "not-found", query="x", pack="a" * 16)
    await fails(client, "search_items", "bad-input")
    await fails(client, "search_items", "bad-input", query="x", limit=99)
    await fails(client, "update_item", "not-found", id="a" * 16, add_tags=["x"])
    await fails(client, "recent_changes", "bad-input", cursor="00" * 16)

    resources = (await client.list_resources()).resources
    assert [str(resource.uri) for resource in resources] == [f"pack://{pack}"], resources
    templates = (await client.list_resource_templates()).resource_templates
    assert {template.uri_template for template in templates} == {"pack://{pack_id}", "item://{item_id}"}
    note = await client.read_resource(f"item://{ids[0]}")
    assert "<document_content>" in note.contents[0].text
    try:
        await client.read_resource("item://aaaaaaaaaaaaaaaa")
        raise SystemExit("a resource that is not there was read")
    except mcp.MCPError as error:
        assert error.error.code == -32602, error
    prompts = (await client.list_prompts()).prompts
    assert {prompt.name for prompt in prompts} == {"resume_work", "prepare_call", "prune_pack"}
    prompt = await client.get_prompt("prepare_call", {"topic": "Acme"})
    assert "Acme" in prompt.messages[0].content.text
    return {"added": added["id"], "cursor": cursor}


async def main():
    async with Client(params(), mode=MODE) as client:
        print("ok", json.dumps(await story(client)))


asyncio.run(main())
