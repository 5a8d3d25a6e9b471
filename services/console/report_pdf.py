"""The report of an inspection as PDF, A4, with fpdf2."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fpdf import FPDF, FPDFException
from fpdf.enums import XPos, YPos

from services.console.report import CameraPart, Report

Colour = tuple[int, int, int]

_COLOURS: dict[str, Colour] = {"clear": (30, 138, 76), "not-clear": (179, 22, 27), "cannot-tell": (168, 112, 0)}
_SOFT: Colour = (92, 104, 115)
_INK: Colour = (20, 24, 28)
_MARGIN = 16.0  # mm
_LABEL = 44.0  # mm, the column of names
# A camera's picture, with what stands beside it, fits twice on a page.
_PICTURE_HEIGHT = 84.0


def pdf(report: Report, picture: Callable[[str], Path | None]) -> bytes:
    """The report as the bytes of a PDF.

    Args:
        picture: the file of an evidence picture by its name; None when it is gone.
    """
    paper = _Paper(report)
    paper.add_page()
    paper.head(report)
    for part in report.cameras:
        file = picture(Path(part.picture).name) if part.picture else None
        paper.camera(part, file)
    paper.signature_lines()
    return bytes(paper.output())


class _Paper(FPDF):
    def __init__(self, report: Report) -> None:
        super().__init__(format="A4")
        self._footer = f"{report.lane}, inspection {report.inspection_id}"
        self.set_margin(_MARGIN)
        self.set_auto_page_break(True, 18)
        self.set_title(f"{report.title}: {report.lane}")
        self.set_creator("Wayside")

    def footer(self) -> None:
        """As fpdf2 calls it at the end of each page."""
        self.set_y(-12)
        self._font(8, colour=_SOFT)
        self.cell(self.epw / 2, 5, _text(self._footer))
        self.cell(self.epw / 2, 5, f"page {self.page_no()} of {{nb}}", align="R")

    def head(self, report: Report) -> None:
        """The verdict, and when and by whom it was asked for."""
        self.set_fill_color(*_COLOURS[report.verdict])
        self.rect(_MARGIN, _MARGIN, self.epw, 3, style="F")
        self.set_y(_MARGIN + 6)
        self._line("Lane inspection", 10, colour=_SOFT)
        self._line(f"{report.lane}: {report.title.lower()}", 22, bold=True, colour=_COLOURS[report.verdict], height=10)
        self._line(report.summary, 12, height=6)
        self.ln(2)
        self._line(report.meaning, 10, colour=_SOFT)
        self.ln(2)
        self._facts(report.facts)

    def camera(self, part: CameraPart, file: Path | None) -> None:
        """One camera: its verdict, reasons, picture and figures, on one page."""
        with self.offset_rendering() as trial:
            trial._camera(part, file)
        if trial.page_break_triggered:
            self.add_page()
        self._camera(part, file)

    def _camera(self, part: CameraPart, file: Path | None) -> None:
        self.ln(4)
        self.set_draw_color(204, 211, 217)
        self.line(_MARGIN, self.get_y(), _MARGIN + self.epw, self.get_y())
        self.ln(2)
        self._line(f"{part.camera}: {part.title.lower()}", 14, bold=True, colour=_COLOURS[part.verdict], height=7)
        for reason in part.reasons:
            self._line(f"- {reason}", 10)
        self.ln(1)
        if file is None or not self._picture(file):
            self._line("no picture", 10, colour=_SOFT)
        self.ln(2)
        self._facts(part.facts)

    def _picture(self, file: Path) -> bool:
        try:
            self.image(file, w=self.epw, h=_PICTURE_HEIGHT, keep_aspect_ratio=True)
        except (OSError, FPDFException):
            return False  # gone meanwhile, or no picture
        return True

    def signature_lines(self) -> None:
        """Two lines to write on."""
        if self.will_page_break(26):
            self.add_page()
        self.ln(18)
        self.set_draw_color(*_INK)
        y = self.get_y()
        for x, width, name in ((_MARGIN, 100.0, "Seen by"), (_MARGIN + 114, self.epw - 114, "Date, time")):
            self.line(x, y, x + width, y)
            self.set_xy(x, y + 1)
            self._font(8, colour=_SOFT)
            self.cell(width, 4, name)

    def _facts(self, facts: Sequence[tuple[str, str]]) -> None:
        for name, value in facts:
            self._font(9, colour=_SOFT)
            self.cell(_LABEL, 5, _text(name))
            self._font(9)
            self._text(value, self.epw - _LABEL, 5)

    def _line(self, text: str, size: int, *, bold: bool = False, colour: Colour = _INK, height: float = 5) -> None:
        self._font(size, bold=bold, colour=colour)
        self._text(text, self.epw, height)

    def _text(self, text: str, width: float, height: float) -> None:
        """Text from here on over as many lines as it needs; then the start of the next line."""
        self.multi_cell(width, height, _text(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _font(self, size: int, *, bold: bool = False, colour: Colour = _INK) -> None:
        self.set_font("Helvetica", "B" if bold else "", size)
        self.set_text_color(*colour)


def _text(text: str) -> str:
    """The standard fonts of PDF hold Latin-1 only; all of ours is, apart perhaps from who asked."""
    return text.encode("latin-1", "replace").decode("latin-1")
