"""The design of a printed board: traces, pads, parts and print, drawn once for a seed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from yolo_tl.data.scenes.chance import Purpose, generator
from yolo_tl.data.scenes.outline import Points
from yolo_tl.data.scenes.pixels import Color, Grey, Image
from yolo_tl.data.scenes.textures import Textures

_TIN: Color = (196, 204, 206)
_WHITE: Color = (226, 230, 228)
_LETTERS = "ABCDEFHKLMNPRSTUVXZ"


@dataclass(frozen=True)
class Part:
    """One part of the board.

    Attributes:
        kind: chip, resistor, capacitor or can.
        center: x, y, px of the drawing.
        size: width and height of the body with its legs, px.
        name: as printed beside it.
    """

    kind: str
    center: tuple[int, int]
    size: tuple[int, int]
    name: str

    def outline(self, margin: float = 0.0) -> Points:
        """Around the body and its legs; `margin` px wider."""
        (x, y), (w, h) = self.center, (self.size[0] / 2 + margin, self.size[1] / 2 + margin)
        if self.kind == "can":
            angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
            return np.stack([x + w * np.cos(angles), y + h * np.sin(angles)], axis=1)
        return np.array([[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]], np.float64)


class Layout:
    """Drawings of one design, from which each lot makes its boards.

    Attributes:
        side: of the drawings, px.
        copper: traces and planes under the solder mask, 0..255.
        print: pads, holes and white print, BGR; `print_alpha` says where.
        parts: what is soldered on, in place.
        bodies: the parts, BGR; `bodies_alpha` says where.
        shadow: gain of the light beside the parts, 0..255.
    """

    def __init__(self, seed: int, design: int, size: int, textures: Textures) -> None:
        rng = generator(seed, Purpose.DESIGN, 1, design)
        self.side = int(size * 1.5)
        self.unit = size / 640
        self.copper: Grey = np.zeros((self.side, self.side), np.uint8)
        self.print: Image = np.zeros((self.side, self.side, 3), np.uint8)
        self.print_alpha: Grey = np.zeros_like(self.copper)
        self.bodies: Image = np.zeros_like(self.print)
        self.bodies_alpha: Grey = np.zeros_like(self.copper)
        self._speckle = textures.speckle
        self.parts = self._place(rng)
        self._route(rng)
        for part in self.parts:
            self._solder(part, rng)
        drop = self._px(2.5)
        shifted = np.roll(self.bodies_alpha, (drop, drop), (0, 1))
        soft = cv2.GaussianBlur(shifted, (0, 0), 1.2 * self.unit)
        self.shadow: Grey = 255 - cv2.convertScaleAbs(soft, alpha=0.5)

    def _px(self, length: float) -> int:
        """A length at 640 px, in px of the drawing; 1 at least."""
        return max(1, round(length * self.unit))

    def _place(self, rng: np.random.Generator) -> list[Part]:
        taken: list[tuple[float, float, float, float]] = []
        parts: list[Part] = []
        sizes = {"chip": (96, 150), "can": (58, 84), "capacitor": (34, 52), "resistor": (30, 44)}
        edge = self._px(36)
        for kind, wanted in (("chip", 8), ("can", 5), ("capacitor", 22), ("resistor", 40)):
            made = 0
            for _ in range(wanted * 14):
                length = rng.uniform(*sizes[kind]) * self.unit
                across = length * {"chip": rng.uniform(0.62, 1.0), "can": 1.0}.get(kind, 0.52)
                w, h = (length, across) if rng.random() < 0.6 else (across, length)
                x, y = (
                    rng.uniform(edge + w / 2, self.side - edge - w / 2),
                    rng.uniform(edge + h / 2, self.side - edge - h / 2),
                )
                x, y = (round(v / self._px(10)) * self._px(10) for v in (x, y))
                room = self._px(22 if kind in ("chip", "can") else 11)
                box = (x - w / 2 - room, y - h / 2 - room, x + w / 2 + room, y + h / 2 + room)
                if any(a[0] < box[2] and box[0] < a[2] and a[1] < box[3] and box[1] < a[3] for a in taken):
                    continue
                taken.append(box)
                letter = {"chip": "U", "can": "C", "capacitor": "C", "resistor": "R"}[kind]
                parts.append(Part(kind, (x, y), (round(w), round(h)), f"{letter}{rng.integers(1, 99)}"))
                made += 1
                if made == wanted:
                    break
        return parts

    def _route(self, rng: np.random.Generator) -> None:
        """Traces from part to part, along both axes with slanted corners, and a plane in places."""
        for _ in range(3):
            x, y, w, h = (rng.uniform(0.05, 0.5, 4) * self.side).astype(int).tolist()
            shift = int(rng.integers(0, self.side // 2))
            cv2.rectangle(self.copper, (x + shift, y), (x + shift + w, y + h), 150, -1)
        centers = np.array([part.center for part in self.parts], np.float64)
        for _ in range(110):
            first = centers[int(rng.integers(len(centers)))]
            near = np.argsort(np.hypot(*(centers - first).T))
            second = centers[near[int(rng.choice([1, 2, 3, 5, 8, 13]))]]
            jitter = rng.integers(-30, 31, 4) * self.unit
            ax, ay = first[0] + jitter[0], first[1] + jitter[1]
            bx, by = second[0] + jitter[2], second[1] + jitter[3]
            slant = min(abs(bx - ax), abs(by - ay))
            mid = (ax + np.sign(bx - ax) * (abs(bx - ax) - slant), ay)
            path = np.array(
                [(ax, ay), mid, (mid[0] + np.sign(bx - ax) * slant, ay + np.sign(by - ay) * slant), (bx, by)]
            )
            thickness = self._px(float(rng.choice([2, 2, 3, 5])))
            cv2.polylines(self.copper, [path.astype(np.int32)], False, 0, thickness + self._px(4), cv2.LINE_AA)
            cv2.polylines(self.copper, [path.astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
            for x, y in path[[0, -1]].astype(int).tolist():
                if rng.random() < 0.75:
                    self._via(x, y, self._px(float(rng.choice([4, 5, 7]))))

    def _via(self, x: int, y: int, radius: int) -> None:
        for image, ring, hole in ((self.print, (120, 178, 196), (18, 20, 18)), (self.print_alpha, 255, 255)):
            cv2.circle(image, (x, y), radius, ring, -1, cv2.LINE_AA)
            cv2.circle(image, (x, y), max(1, round(radius * 0.5)), hole, -1, cv2.LINE_AA)

    def _solder(self, part: Part, rng: np.random.Generator) -> None:
        getattr(self, f"_{part.kind}")(part, rng)
        x, y = round(part.center[0] - part.size[0] / 2), round(part.center[1] - part.size[1] / 2) - self._px(5)
        self._text(part.name, x, y, 0.42, self.print, self.print_alpha, _WHITE)

    def _text(self, text: str, x: int, y: int, scale: float, image: Image, alpha: Grey | None, color: Color) -> None:
        size, thick = scale * self.unit, max(1, round(1.4 * scale * self.unit))
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, color, thick, cv2.LINE_AA)
        if alpha is not None:
            cv2.putText(alpha, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 235, thick, cv2.LINE_AA)

    def _rectangle(self, x: float, y: float, w: float, h: float, color: Color, *, body: bool) -> None:
        """A filled rectangle around its middle, of the parts or of the print."""
        low, high = (round(x - w / 2), round(y - h / 2)), (round(x + w / 2), round(y + h / 2))
        image, alpha = (self.bodies, self.bodies_alpha) if body else (self.print, self.print_alpha)
        cv2.rectangle(image, low, high, color, -1)
        cv2.rectangle(alpha, low, high, 255, -1)

    def _grain(self, part: Part, strength: float) -> None:
        """The matt surface of a body."""
        (x, y), (w, h) = part.center, part.size
        rows, columns = slice(max(0, y - h // 2), y + h // 2), slice(max(0, x - w // 2), x + w // 2)
        piece = self.bodies[rows, columns]
        noise = cv2.merge([self._speckle[rows, columns]] * 3)
        self.bodies[rows, columns] = cv2.addWeighted(piece, 1, noise, strength, -128 * strength)

    def _chip(self, part: Part, rng: np.random.Generator) -> None:
        (x, y), (w, h) = part.center, part.size
        flat = w >= h
        length, across = (w, h) if flat else (h, w)
        leg, pitch = self._px(11), self._px(13)
        count = max(3, int((length - pitch) / pitch))
        for i in range(count):
            along = (i - (count - 1) / 2) * pitch
            for side in (-1, 1):
                out = side * (across / 2 - leg / 2)
                px, py = (x + along, y + out) if flat else (x + out, y + along)
                lw, lh = (pitch * 0.5, leg) if flat else (leg, pitch * 0.5)
                self._rectangle(px, py, lw + self._px(3), lh + self._px(2), (150, 190, 200), body=False)
                self._rectangle(px, py, lw, lh, _TIN, body=True)
                self._rectangle(px, py, lw * 0.4, lh, (240, 244, 244), body=True)
        bw, bh = (w, h - 1.7 * leg) if flat else (w - 1.7 * leg, h)
        tone = int(rng.integers(34, 52))
        self._rectangle(x, y, bw, bh, (tone + 16, tone + 16, tone + 14), body=True)
        bevel = self._px(3)
        self._rectangle(
            x + bevel / 2, y + bevel / 2, bw - bevel, bh - bevel, (tone - 14, tone - 14, tone - 14), body=True
        )
        self._rectangle(x, y, bw - 2 * bevel, bh - 2 * bevel, (tone, tone, tone - 2), body=True)
        self._grain(part, 0.32)
        dot = (round(x - bw / 2 + self._px(12)), round(y - bh / 2 + self._px(12)))
        cv2.circle(self.bodies, dot, self._px(4), (tone - 16, tone - 16, tone - 16), -1, cv2.LINE_AA)
        text = "".join(rng.choice(list(_LETTERS), 2)) + str(rng.integers(1000, 99999))
        grey = (132, 134, 132)
        left = round(x - bw / 2 + self._px(10))
        self._text(text[: max(3, int(bw / self._px(13)))], left, round(y + self._px(2)), 0.5, self.bodies, None, grey)
        self._text(str(rng.integers(1000, 9999)), left, round(y + self._px(18)), 0.42, self.bodies, None, grey)
        frame = part.outline(self._px(5)).astype(int)
        for image, color in ((self.print, _WHITE), (self.print_alpha, 235)):
            cv2.polylines(image, [frame.astype(np.int32)], True, color, self._px(1.5), cv2.LINE_AA)

    def _resistor(self, part: Part, rng: np.random.Generator) -> None:
        tone = int(rng.integers(28, 44))
        self._two_ended(part, (tone, tone, tone))
        if part.size[0] > part.size[1]:
            x, y = part.center[0] - self._px(9), part.center[1] + self._px(4)
            self._text(str(rng.choice(["103", "472", "220", "101", "000"])), x, y, 0.32, self.bodies, None, _WHITE)

    def _capacitor(self, part: Part, rng: np.random.Generator) -> None:
        bodies: tuple[Color, ...] = ((96, 128, 158), (120, 150, 172), (70, 100, 130))
        self._two_ended(part, bodies[int(rng.integers(3))])

    def _two_ended(self, part: Part, color: Color) -> None:
        (x, y), (w, h) = part.center, part.size
        flat = w >= h
        cap = 0.26 * max(w, h)
        for side in (-1, 1):
            shift = side * (max(w, h) - cap) / 2
            px, py = (x + shift, y) if flat else (x, y + shift)
            ew, eh = (cap, h) if flat else (w, cap)
            self._rectangle(px, py, ew + self._px(4), eh + self._px(4), (150, 190, 200), body=False)
            self._rectangle(px, py, ew, eh, _TIN, body=True)
            self._rectangle(px - self._px(2), py - self._px(2), ew * 0.45, eh * 0.45, (246, 248, 248), body=True)
        bw, bh = (w - 1.7 * cap, h) if flat else (w, h - 1.7 * cap)
        self._rectangle(x, y, bw, bh, color, body=True)
        tw, th = (bw, bh * 0.2) if flat else (bw * 0.2, bh)
        px, py = (x, y - bh * 0.36) if flat else (x - bw * 0.36, y)
        self._rectangle(px, py, tw, th, [min(255, c + 38) for c in color], body=True)
        self._grain(part, 0.25)

    def _can(self, part: Part, rng: np.random.Generator) -> None:
        x, y = part.center
        radius = part.size[0] // 2
        for sx in (-0.55, 0.55):
            self._rectangle(x + sx * radius, y, radius * 0.5, radius * 0.42, (150, 190, 200), body=False)
        cv2.circle(self.print, (x, y), radius + self._px(5), _WHITE, self._px(1.5), cv2.LINE_AA)
        cv2.circle(self.print_alpha, (x, y), radius + self._px(5), 235, self._px(1.5), cv2.LINE_AA)
        cv2.circle(self.bodies_alpha, (x, y), radius, 255, -1, cv2.LINE_AA)
        for share, tone in ((1.0, 110), (0.94, 176), (0.82, 150), (0.78, 196)):
            cv2.circle(self.bodies, (x, y), round(radius * share), (tone, tone, tone - 3), -1, cv2.LINE_AA)
        turn = int(rng.integers(0, 4)) * 90
        reach = round(radius * 0.76)
        cv2.ellipse(self.bodies, (x, y), (reach, reach), turn, -52, 52, (44, 40, 38), -1, cv2.LINE_AA)
        self._grain(part, 0.2)
        value = str(rng.choice(["100", "220", "47", "330"]))
        self._text(value, x - self._px(14), y + self._px(5), 0.45, self.bodies, None, (60, 60, 60))
