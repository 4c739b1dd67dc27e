"""The model that the agents ask: Azure OpenAI, or one that answers by heart, so that a load test costs nothing."""

import asyncio
import os

from agent_framework import BaseChatClient, ChatResponse, ChatResponseUpdate, Content, Message, ResponseStream
from agent_framework.openai import OpenAIChatClient


def chat_client():
    """Return the client of Azure OpenAI, from the AZURE_OPENAI_* settings; the other with BRIEFS_MODEL=rehearsed."""
    return RehearsedClient() if os.environ.get("BRIEFS_MODEL") == "rehearsed" else OpenAIChatClient()


class RehearsedClient(BaseChatClient):
    """Accepts every draft, and answers anything else with the last message, after `BRIEFS_MODEL_SECONDS`."""

    def _inner_get_response(self, *, messages, stream, options, **others):
        text = "accept" if "Answer accept" in str(options.get("instructions")) else messages[-1].text
        return self._streamed(text) if stream else self._whole(text)

    def _streamed(self, text):
        async def updates():
            await _thinking()
            yield ChatResponseUpdate(role="assistant", contents=[Content.from_text(text)])

        return ResponseStream(updates(), finalizer=ChatResponse.from_updates)

    async def _whole(self, text):
        await _thinking()
        return ChatResponse(messages=[Message("assistant", [text])])


async def _thinking():
    await asyncio.sleep(float(os.environ.get("BRIEFS_MODEL_SECONDS", "0.2")))
