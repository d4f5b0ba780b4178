"""The report as text: a summary, and a table for each group."""

from trainers.evaluate.glossary import heading, plain_name
from trainers.evaluate.report import Report, by_group, context_lines, table, unfinished_line
from trainers.evaluate.summary import summarise


def to_markdown(report: Report) -> str:
    """Return the summary, and a table for each group.

    ± is the standard error, an interval that of 95 %; ↑ and ↓ point to the better side.
    """
    parts = [f"**{unfinished_line(report)}**"] if report.unfinished else []
    if summary := summarise(report):
        rows = [f"| {row.part} | {row.what} {row.arrow} | {row.figure} |" for row in summary]
        lines = ["### Summary", "", "| of | what | figure |", "| --- | --- | ---: |", *rows]
        parts.append("\n".join(lines))
    for group, measurements in by_group(report.measurements).items():
        header, rows_of_group = table(measurements)
        lines = [
            f"### {group}",
            "",
            f"{heading(group)}.",
            "",
            "| " + " | ".join(["metric", *header, "in words"]) + " |",
            "| --- |" + " ---: |" * len(header) + " --- |",
            *(
                "| " + " | ".join([row.name, *row.cells, plain_name(row.short)]) + " |"
                for row in rows_of_group
            ),
            "",
            *(f"- {line}" for line in context_lines(measurements)),
        ]
        parts.append("\n".join(lines))
    if report.notes:
        parts.append("\n".join(["### Left out", "", *(f"- {note}" for note in report.notes)]))
    files = [f"- {role}: `{sha256}`" for role, sha256 in report.files.items()]
    if files:
        parts.append("\n".join(["### Networks (SHA-256)", "", *files]))
    return "\n\n".join(parts) + "\n"
