from __future__ import annotations

from visualizer.style.sketch import Sketch


def test_markup_is_shown_and_text_colour_left_to_the_page() -> None:
    hostile = '<b>x</b><a href="http://x">y</a>'
    fig = Sketch().figure(title=hostile, caption=hostile)
    for text in (fig.layout.title.text, fig.layout.annotations[0].text):
        assert "<b>" not in text
        assert "<a" not in text
    assert fig.layout.font.color is None
    assert fig.layout.annotations[0].font.color is None
    assert fig.layout.paper_bgcolor == fig.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_lines_of_a_caption_stay_lines_and_make_room() -> None:
    one, three = (Sketch().figure(caption=c).layout for c in ("a", "a\nb\nc"))
    assert three.annotations[0].text == "a<br>b<br>c"
    assert three.margin.b > one.margin.b
