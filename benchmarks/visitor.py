"""A visitor who speaks Streamlit's own messages: many of them cost no browser."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

LIMIT = 60.0
"""Seconds that an answer may take."""


@dataclass
class Visitor:
    """One session on one page, which moves a slider.

    Attributes:
        page: address of the page, without parameters.
        query: the parameters.
        label: of the slider.
        charts: value of the slider to a digest of the charts that came back.
        failures: exceptions that the page showed.
        received: bytes of messages so far.
        slider, fragment: identities of the slider and of the part of the page that it belongs to.
    """

    page: str
    query: str = ""
    label: str = "Layer"
    charts: dict[int, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    received: int = 0
    slider: str = ""
    fragment: str = ""
    socket: Any = None

    async def enter(self, url: str) -> None:
        """Open the page; the first run of a cold server may only hand over to the router."""
        address = url.replace("http", "ws") + "/_stcore/stream"
        protocol = websockets.Subprotocol("streamlit")
        self.socket = await websockets.connect(address, subprotocols=[protocol], max_size=None)
        for _ in range(3):
            if not self.slider:
                await self._ask(None)
        if not self.slider:
            raise RuntimeError(f"{self.page}: want a slider {self.label!r}, got none")

    async def leave(self) -> None:
        await self.socket.close()

    async def move(self, value: int) -> float:
        """Move the slider; seconds until the script had ended."""
        start = time.perf_counter()
        await self._ask(value)
        return time.perf_counter() - start

    async def _ask(self, value: int | None) -> None:
        back = BackMsg()
        back.rerun_script.page_name, back.rerun_script.query_string = self.page, self.query
        if value is not None:
            back.rerun_script.fragment_id = self.fragment
            state = back.rerun_script.widget_states.widgets.add()
            state.id = self.slider
            state.double_array_value.data.append(value)
        await self.socket.send(back.SerializeToString())
        self.charts[value or 0] = await self._answer()

    async def _answer(self) -> str:
        digest = hashlib.sha256()
        while True:
            told = await asyncio.wait_for(self.socket.recv(decode=False), LIMIT)
            self.received += len(told)
            message = ForwardMsg.FromString(told)
            kind = message.WhichOneof("type")
            if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._element(message, digest)
            elif kind == "script_finished":
                return digest.hexdigest()

    def _element(self, message: ForwardMsg, digest: Any) -> None:
        element = message.delta.new_element
        what = element.WhichOneof("type")
        if what == "plotly_chart":
            digest.update(element.plotly_chart.spec.encode())
        elif what == "exception":
            self.failures.append(element.exception.message)
        elif what == "slider" and element.slider.label == self.label:
            self.slider, self.fragment = element.slider.id, message.delta.fragment_id
