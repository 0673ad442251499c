"""The one kind of failure that is expected: it says what went wrong, where, and what to do."""


class OpsError(Exception):
    """Shown to the person as text, never as a traceback; the process leaves with `code`."""

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)
