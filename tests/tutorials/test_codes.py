"""QR codes say the address that stands beside them, to a reader that is not ours."""

from __future__ import annotations

import re
from base64 import b64decode
from html import unescape

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tutorials.lessons import lessons
from tutorials.pack import sheets
from tutorials.pack.page import html
from vit_attention.cli import classroom

SERVER = "http://[fd00::17]:8600/room"
SIGNS = {" ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}
"""Signs of the terminal to their upper and lower half, light on a dark ground."""


def read(image: NDArray[np.uint8]) -> str:
    return str(cv2.QRCodeDetector().detectAndDecode(image)[0])


def codes(page: str) -> dict[str, str]:
    """What the images of a page are called to what a reader makes of them."""
    found = re.findall(r'<img alt="QR code of ([^"]*)"[^>]*base64,([^"]*)"', page)
    return {
        unescape(name): read(cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_GRAYSCALE))
        for name, data in found
    }


def test_the_plan_s_code_is_the_class_s_address() -> None:
    lesson = lessons()["patches"]
    assert codes(html("plan", sheets.plan(lesson, SERVER))) == {f"{SERVER}/patches": f"{SERVER}/patches"}


@pytest.mark.parametrize("seat", [0, 1, 999])
def test_a_worksheet_s_code_is_the_seat_s_address(seat: int) -> None:
    where = f"{SERVER}/model" + (f"?student={seat}" if seat else "")
    assert codes(html("sheet", sheets.worksheet(lessons()["model"], SERVER, seat))) == {where: where}


@pytest.mark.parametrize("address", ["http://192.168.1.20:8501", "http://room-12.local", "http://[fd00::17]:8600"])
def test_the_terminal_s_code_is_the_address_on_the_board(address: str) -> None:
    rows = classroom.code(address).strip("\n").splitlines()
    halves = np.array([[SIGNS[sign] for sign in row.ljust(len(rows[0]))] for row in rows], np.uint8)
    modules = halves.transpose(0, 2, 1).reshape(-1, halves.shape[1])
    assert read(np.kron(modules, np.ones((8, 8), np.uint8))) == address
