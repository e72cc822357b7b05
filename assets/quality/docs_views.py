"""Data Docs that open without a network.

Great Expectations' own pages take their styles, icons and tables from five other sites; behind a
closed network the index stays empty. These views, named in the home's ``great_expectations.yml``,
render the same content with what is needed inside the page.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

STYLE = """<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1280px; color: #1f2933 }
body, table { background: #fff } a { color: #1f5f8b; text-decoration: none }
.navbar { padding: 12px 24px; border-bottom: 1px solid #d9e2ec; height: auto !important }
.container-fluid { padding: 8px 12px } .container-fluid > .row { display: flex; gap: 16px }
.col-lg-2 { flex: 0 0 200px } .col-lg-10 { flex: 1; min-width: 0 }
.ge-section > .row { display: block } .card { border: 1px solid #d9e2ec; margin: 8px 0 }
.card-header, .card-body { padding: 6px 10px } .card .col-12 { list-style: none }
.ge-navigation-sidebar-content { list-style: none; padding: 0 } .collapse { display: none }
.collapse.show { display: block } .breadcrumb { list-style: none; padding: 0; display: flex }
.breadcrumb-item + .breadcrumb-item::before { content: "/"; padding: 0 8px }
table { border-collapse: collapse; width: 100%; margin: 4px 0 16px }
th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid #e4e9ef }
i { font-style: normal; font-weight: 700 }
.text-success, .pass { color: #1c7c46 } .text-danger, .fail { color: #b42318 }
.fa-check-circle::before { content: "\\2713" } .fa-times::before { content: "\\2717" }
.fa-exclamation-triangle::before { content: "!" } code, pre { white-space: pre-wrap }
</style>"""

SCRIPT = """<script>
const parts = name => document.querySelectorAll(name);
function show(visible) {
  const display = visible ? "" : "none";
  parts(".hide-succeeded-validation-target-child")
    .forEach(e => e.parentElement.style.display = display);
  parts(".hide-succeeded-validation-target").forEach(e => e.style.display = display);
  parts(".hide-succeeded-validations-column-section-target-child")
    .forEach(e => e.parentElement.parentElement.style.display = display);
}
window.showAllValidations = () => show(true);
window.hideSucceededValidations = () => show(false);
parts("a[data-toggle=collapse]").forEach(a => a.addEventListener("click", event => {
  event.preventDefault();
  document.querySelector(a.getAttribute("href")).classList.toggle("show");
}));
</script>"""

ELSEWHERE = re.compile(
    r"<script[^>]*\ssrc=\"https?://[^>]*>\s*</script>"  # libraries
    r"|<link[^>]*\shref=\"https?://[^>]*>"  # style sheets
    r"|<footer>.*?</footer>"  # newsletter
    r"|url\('https?://[^']*'\)"  # the logo again
    r"|<img[^>]*\ssrc=\"https?://[^>]*>",  # logo
    re.DOTALL,
)


class OfflinePage:
    """A suite's or a validation result's page as Great Expectations renders it, self-contained."""

    def __init__(
        self,
        custom_styles_directory: str | None = None,
        custom_views_directory: str | None = None,
    ) -> None:
        from great_expectations.render.view import DefaultJinjaPageView

        self._view = DefaultJinjaPageView(custom_styles_directory, custom_views_directory)

    def render(self, document: Any, template: str | None = None, **kwargs: Any) -> str:
        """HTML of the page."""
        page = ELSEWHERE.sub("", self._view.render(document, template, **kwargs))
        page = page.replace("</head>", f"{STYLE}</head>", 1)
        return page.replace("</body>", f"{SCRIPT}</body>", 1)


class OfflineIndex:
    """The index: every night of every use case, the newest first, and the suites."""

    def render(self, document: Any, template: str | None = None, **kwargs: Any) -> str:
        """HTML of the index."""
        content = document if isinstance(document, Mapping) else document.to_json_dict()
        results: list[Mapping[str, Any]] = []
        suites: list[Mapping[str, Any]] = []
        for row in _table_rows(content):
            (results if "run_name" in row else suites).append(row)
        results.sort(key=lambda row: (row["run_name"], row["_expectation_suite_name_sort"]))
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Data Docs</title>'
            f'{STYLE}</head><body><div class="container-fluid"><h1>Data Docs</h1>'
            "<h2>Nights</h2><table><tr><th>Day</th><th>Result</th><th>Suite</th></tr>"
            f"{''.join(map(_night, reversed(results)))}</table>"
            f"<h2>Suites</h2><ul>{''.join(map(_suite, suites))}</ul></div></body></html>"
        )


def _table_rows(content: Any) -> Iterator[Mapping[str, Any]]:
    """Rows of all tables of a rendered document, wherever they are nested."""
    if isinstance(content, Mapping):
        yield from content.get("table_data", ())
        nested = [v for k, v in content.items() if k != "table_data"]
    else:
        nested = list(content) if isinstance(content, list | tuple) else []
    for part in nested:
        yield from _table_rows(part)


def _night(row: Mapping[str, Any]) -> str:
    passed = row["_validation_success_text"] == "Success"
    verdict = '<b class="pass">pass</b>' if passed else '<b class="fail">fail</b>'
    return (
        f"<tr><td>{_link(row['_table_row_link_path'], row['run_name'])}</td><td>{verdict}</td>"
        f"<td>{html.escape(row['_expectation_suite_name_sort'])}</td></tr>"
    )


def _suite(row: Mapping[str, Any]) -> str:
    path = row["_table_row_link_path"]
    name = path.rsplit("/", 1)[-1].removesuffix(".html")
    return f"<li>{_link(path, name)}</li>"


def _link(path: str, text: str) -> str:
    return f'<a href="{html.escape(path, quote=True)}">{html.escape(text)}</a>'
