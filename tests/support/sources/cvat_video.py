"""CVAT for video 1.1: tracks by their keyframes, some of which end."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

FORMAT_NAME = "cvat"

META = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>5</id>
      <name>road</name>
      <size>{size}</size>
      <mode>interpolation</mode>
      <start_frame>0</start_frame>
      <stop_frame>{stop}</stop_frame>
      <frame_filter></frame_filter>
      <labels>
        <label><name>van</name><attributes></attributes></label>
        <label><name>car</name><attributes></attributes></label>
      </labels>
      <segments><segment><id>5</id><start>0</start><stop>{stop}</stop><url></url></segment></segments>
      <original_size><width>100</width><height>50</height></original_size>
      <source>road.mp4</source>
    </task>
    <dumped>2024-01-01</dumped>
  </meta>
"""


def write(folder: Path) -> None:
    """Five frames; in the last there is nothing."""
    for number in range(5):
        picture(folder / "images" / f"frame_{number:06d}.PNG".replace(".PNG", ".png"))
    (folder / "annotations.xml").write_text(
        META.format(size=5, stop=4)
        + """  <track id="0" label="car" source="manual">
    <box frame="0" keyframe="1" outside="0" occluded="0" xtl="0" ytl="10" xbr="20" ybr="30" z_order="0"></box>
    <box frame="2" keyframe="1" outside="0" occluded="0" xtl="10" ytl="10" xbr="30" ybr="30" z_order="0"></box>
    <box frame="4" keyframe="1" outside="1" occluded="0" xtl="20" ytl="10" xbr="40" ybr="30" z_order="0"></box>
  </track>
  <track id="1" label="van" source="manual">
    <polygon frame="1" keyframe="1" outside="0" occluded="0" points="1,1;9,1;5,9" z_order="0">
      <attribute name="x">1</attribute>
    </polygon>
    <polygon frame="2" keyframe="1" outside="1" occluded="0" points="1,1;9,1;5,9" z_order="0"></polygon>
  </track>
</annotations>
""",
        "utf-8",
    )
