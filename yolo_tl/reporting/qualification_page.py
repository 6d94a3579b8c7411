"""Whether a model is good enough for an inspection, as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from yolo_tl.reporting.contract import TONES, contract, incidents
from yolo_tl.reporting.markup import section, shown, table
from yolo_tl.reporting.page import Page


def qualification_page(qualification: Mapping[str, Any]) -> Page:
    """The page of a qualification.

    Args:
        qualification: `evaluation.qualification.Qualification` as JSON.
    """
    judged, model, data = qualification["judged"], qualification["model"], qualification["data"]
    name = str(model["checkpoint"])
    counts = ("images", "units", "defective")
    facts = [(f"{judged[key]:,}", {"images": f"{judged['split']} images"}.get(key, key)) for key in counts]
    facts += [(f"{len(judged['escapes']):,}", "escapes"), (f"{len(judged['overkills']):,}", "overkill")]
    return Page(
        title=f"Qualification: {name}",
        name=f"Qualification of {name}",
        about=f"on {data['data']}",
        tone=TONES[qualification["verdict"]],
        verdict=f"The contract is {qualification['verdict']} on {judged['split']}",
        facts=facts,
        sections=[
            contract(qualification),
            incidents(judged),
            _values("What was asked for", qualification["contract"]),
            _values("Model", model),
            _values("Data", data),
        ],
    )


def _values(title: str, values: Mapping[str, Any]) -> str:
    rows = [(f"<code>{escape(str(key))}</code>", escape(shown(value))) for key, value in values.items()]
    return section(title, table((), rows, kind="decisions"))
