"""A drawn person as a camera sees one, and a video of them for Chromium's fake camera."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 640, 480
SKIN, SHADE, LIPS = (224, 172, 135), (196, 142, 108), (176, 84, 80)
SHIRT, SLEEVES, HAIR, WALL = (52, 84, 140), (44, 72, 124), (60, 40, 30), (214, 210, 200)
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 11, 12, 23, 24
Point = tuple[float, float]


def write_video(file: Path, poses: Sequence[np.ndarray]) -> None:
    """Write pictures of poses [33, 3] as motion JPEG: one JPEG after the other."""
    with file.open("wb") as video:
        for pose in poses:
            picture = io.BytesIO()
            draw_person(pose).save(picture, "JPEG", quality=90)
            video.write(picture.getvalue())


def draw_person(pose: np.ndarray) -> Image.Image:
    """A picture of a person in this pose, from the hips upwards."""
    image = Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), WALL)
    _Painter(ImageDraw.Draw(image), pose).paint()
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


class _Painter:
    """Paints the parts of a body; lengths are shares of the torso's."""

    def __init__(self, draw: ImageDraw.ImageDraw, pose: np.ndarray) -> None:
        self.draw, self.pose = draw, pose
        shoulders = (pose[LEFT_SHOULDER] + pose[RIGHT_SHOULDER]) / 2
        hips = (pose[LEFT_HIP] + pose[RIGHT_HIP]) / 2
        self.torso = 0.84 * HEIGHT
        self.scale = self.torso / float(np.hypot(*(shoulders - hips)[:2]))
        self.middle = shoulders
        self.neck = self.place(shoulders)

    def place(self, point: np.ndarray) -> Point:
        x, y = (point - self.middle)[:2] * self.scale
        return WIDTH + float(x), 1.04 * HEIGHT + float(y)

    def paint(self) -> None:
        joints = [self.place(point) for point in self.pose]
        left, right = joints[LEFT_SHOULDER], joints[RIGHT_SHOULDER]
        self.draw.polygon([left, right, joints[RIGHT_HIP], joints[LEFT_HIP]], SHIRT)
        self.limb(left, right, 0.11, 0.11, SHIRT)
        self.paint_head()
        for shoulder, elbow, wrist, finger in ((11, 13, 15, 19), (12, 14, 16, 20)):
            self.limb(joints[shoulder], joints[elbow], 0.1, 0.085, SLEEVES)
            self.limb(joints[elbow], joints[wrist], 0.075, 0.05, SKIN)
            self.limb(joints[wrist], joints[finger], 0.06, 0.04, SKIN)

    def paint_head(self) -> None:
        x, y = self.neck
        unit = self.torso
        self.draw.rectangle([x - 0.09 * unit, y - 0.3 * unit, x + 0.09 * unit, y], SHADE)
        y -= 0.48 * unit
        self.ellipse(x, y - 0.08 * unit, 0.22, 0.24, HAIR)
        self.ellipse(x, y, 0.19, 0.26, SKIN)
        self.draw.chord([x - 0.2 * unit, y - 0.28 * unit, x + 0.2 * unit, y + 0.13 * unit], 190, 350, HAIR)
        for side in (-0.08, 0.08):
            self.ellipse(x + side * unit, y - 0.01 * unit, 0.038, 0.026, (250, 250, 250))
            self.ellipse(x + side * unit, y - 0.01 * unit, 0.017, 0.023, HAIR)
        nose = [(x, y), (x + 0.035 * unit, y + 0.08 * unit), (x - 0.035 * unit, y + 0.08 * unit)]
        self.draw.polygon(nose, SHADE)
        self.ellipse(x, y + 0.15 * unit, 0.07, 0.023, LIPS)

    def ellipse(self, x: float, y: float, width: float, height: float, color: tuple[int, int, int]) -> None:
        width, height = width * self.torso, height * self.torso
        self.draw.ellipse([x - width, y - height, x + width, y + height], color)

    def limb(self, start: Point, end: Point, width: float, end_width: float, color: tuple[int, int, int]) -> None:
        along = np.subtract(end, start)
        across = np.array([-along[1], along[0]]) / max(1.0, float(np.hypot(*along))) * self.torso
        corners = [start + width * across, end + end_width * across, end - end_width * across, start - width * across]
        self.draw.polygon([(float(x), float(y)) for x, y in corners], color)
        self.ellipse(*start, width, width, color)
        self.ellipse(*end, end_width, end_width, color)
