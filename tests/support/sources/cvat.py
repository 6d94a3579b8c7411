"""CVAT for images 1.1: every kind of shape, two splits."""

from __future__ import annotations

from pathlib import Path

from support.pictures import picture

META = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <name>parts</name>
      <size>3</size>
      <mode>annotation</mode>
      <labels>
        <label><name>zebra</name><color>#ff0000</color><type>any</type><attributes></attributes></label>
        <label><name>person</name><type>skeleton</type><attributes></attributes></label>
        <label><name>nose</name><type>points</type><attributes></attributes><parent>person</parent></label>
        <label><name>tail</name><type>points</type><attributes></attributes><parent>person</parent></label>
        <label><name>ant</name><type>any</type><attributes></attributes></label>
      </labels>
    </task>
    <dumped>2024-01-01 00:00:00+00:00</dumped>
  </meta>
"""


def write(folder: Path) -> None:
    """Three images, one of them empty."""
    picture(folder / "images" / "train" / "a b.png")
    picture(folder / "images" / "train" / "ä&b.png")
    picture(folder / "images" / "val" / "empty.png")
    (folder / "annotations.xml").write_text(
        META
        + """  <image id="0" name="a b.png" subset="train" width="100" height="50">
    <box label="zebra" source="manual" occluded="0" xtl="1.00" ytl="2.00" xbr="30.50" ybr="40.00" z_order="0">
      <attribute name="colour">red</attribute>
    </box>
    <box label="zebra" occluded="0" xtl="40" ytl="20" xbr="60" ybr="30" rotation="90.00" z_order="0"></box>
    <polygon label="ant" occluded="1" points="10.00,10.00;20.00,10.00;15.00,20.00" z_order="1"></polygon>
    <mask label="ant" occluded="0" rle="0, 3, 1, 1, 1, 3" left="50" top="4" width="3" height="3" z_order="0"></mask>
    <tag label="zebra" source="manual"></tag>
  </image>
  <image id="1" name="ä&amp;b.png" subset="train" width="100" height="50">
    <ellipse label="ant" occluded="0" cx="50" cy="25" rx="20" ry="10" rotation="30" z_order="0"></ellipse>
    <cuboid label="zebra" xtl1="10" ytl1="10" xbl1="10" ybl1="30" xtr1="30" ytr1="10" xbr1="30" ybr1="30"
      xtl2="20" ytl2="5" xbl2="20" ybl2="25" xtr2="40" ytr2="5" xbr2="40" ybr2="25" z_order="0"></cuboid>
    <polyline label="ant" points="1,1;2,2" occluded="0" z_order="0"></polyline>
    <skeleton label="person" source="manual" z_order="0">
      <points label="tail" outside="0" occluded="1" points="12.00,13.00"></points>
      <points label="nose" outside="0" occluded="0" points="70.00,20.00"></points>
    </skeleton>
  </image>
  <image id="2" name="empty.png" subset="Validation" width="100" height="50">
  </image>
</annotations>
""",
        "utf-8",
    )
