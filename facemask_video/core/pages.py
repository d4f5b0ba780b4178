"""HTML pages, from templates that lie beside the code."""

from importlib import resources


def render_page(package: str, name: str, **values: object) -> str:
    """Return a page; what is put into it is escaped, and what it lacks is an error.

    Args:
        package: Where the template lies, by its dotted name.
        name: Of the template's file, in jinja2's language.
        values: What the template asks for.
    """
    import jinja2  # takes a tenth of a second, and few commands write pages

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    text = resources.files(package).joinpath(name).read_text("utf-8")
    return environment.from_string(text).render(values)
