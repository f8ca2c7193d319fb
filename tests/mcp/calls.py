"""Calls tools through the official Python SDK, as a script of an agent would.

argv is the program, the home and the agent's name; standard input holds one JSON list of
`[tool, arguments]`. For each a line of JSON: what came back, or `{"refused": {code, message}}`.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters

PROGRAM, HOME, AGENT = sys.argv[1:4]


async def main():
    calls = json.load(sys.stdin)
    server = StdioServerParameters(
        command=PROGRAM, args=["--home", HOME, "mcp", "--agent", AGENT],
    )
    async with Client(server) as client:
        for tool, arguments in calls:
            result = await client.call_tool(tool, arguments)
            told = json.loads(result.content[0].text)
            print(json.dumps({"refused": told} if result.is_error else told))


asyncio.run(main())
