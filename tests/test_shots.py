"""What `make shots` calls the same picture, and what it does not."""

from pathlib import Path

from PIL import Image, ImageDraw

from tests.shots.compare import TOLERANCE, difference, keep, show


def page(path: Path, panel: int, digit: str) -> Path:
    """A page with a panel at x = `panel`, some shades and a figure."""
    image = Image.new("RGB", (400, 300), "#0b0e11")
    draw = ImageDraw.Draw(image)
    draw.rectangle((panel, 40, panel + 200, 280), fill="#1a2029", outline="#232a34")
    for row in range(50, 270, 12):
        draw.line((panel + 10, row, panel + 150, row), fill=(38, 166 - row % 90, 154), width=2)
    draw.text((10, 10), f"Live {digit} ms", fill="#e6e9ef")
    image.save(path)
    return path


def test_a_digit_may_differ_and_a_panel_may_not(tmp_path: Path) -> None:
    approved = tmp_path / "approved.png"
    keep(page(tmp_path / "one.png", 100, "3"), approved)
    assert difference(tmp_path / "one.png", approved) == 0  # the palette that is kept shows the same
    assert 0 < difference(page(tmp_path / "digit.png", 100, "8"), approved) < TOLERANCE
    moved = page(tmp_path / "moved.png", 108, "3")
    assert difference(moved, approved) > TOLERANCE
    show(moved, approved, tmp_path / "diff.png")
    with Image.open(tmp_path / "diff.png") as shown:
        assert (255, 40, 40) in {color for _, color in shown.getcolors(100_000) or []}


def test_another_size_is_another_picture(tmp_path: Path) -> None:
    keep(page(tmp_path / "one.png", 100, "3"), tmp_path / "approved.png")
    Image.open(tmp_path / "one.png").resize((390, 300)).save(tmp_path / "other.png")
    assert difference(tmp_path / "other.png", tmp_path / "approved.png") == 1
