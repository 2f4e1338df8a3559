"""A pretend vendor and pretend clients, for `clauditor demo` and the tests.

Everything follows from a seed; nothing leaves the machine. Only this package knows that it plays: the
proxy and the sidecar between the two sides run as they always do.

The vendor, in the caller's event loop (`async with`) or in a thread of its own (`with`):

    async with Simulator(seed=7) as vendor:
        vendor.reply_with(lambda request: Reply.failure(529) if request.occurrence == 0 else None)
        vendor.script(session_id, Reply.tool("Bash", {"command": "ls"}), Reply.text("Done."))
        ...                        # send requests to vendor.url
        vendor.ledger.records      # what was really received and sent, see `ledger.Record`

A client, which behaves on the wire as the real one does:

    async with ClaudeCodeClient(proxy_url, profile=Profile(cwd="/home/demo/src/webshop")) as client:
        await client.prompt("fix the login test")
"""

from clauditor.demo.claude_code import ClaudeCodeClient, ToolOutcome
from clauditor.demo.claude_request import Profile
from clauditor.demo.claude_sending import GaveUpError
from clauditor.demo.ledger import Ledger, Record, Tokens
from clauditor.demo.reply import Hold, Pause, Reply, ServerToolUse, Text, Thinking, ToolUse, Whole
from clauditor.demo.request import Request
from clauditor.demo.simulator import Simulator

__all__ = [
    "ClaudeCodeClient",
    "GaveUpError",
    "Hold",
    "Ledger",
    "Pause",
    "Profile",
    "Record",
    "Reply",
    "Request",
    "ServerToolUse",
    "Simulator",
    "Text",
    "Thinking",
    "Tokens",
    "ToolOutcome",
    "ToolUse",
    "Whole",
]
