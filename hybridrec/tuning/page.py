"""A search as one HTML page: its course, what mattered, and every field's values; works offline."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go
from optuna import visualization

from hybridrec.pages import write_in_one_step
from hybridrec.pages.rendering import templates
from hybridrec.tuning.study import Search


def write_search_page(search: Search, path: str | Path) -> None:
    """Draws a search on a page that opens in any browser."""
    study = search.study
    name = search.metric
    figures = {"Best so far": visualization.plot_optimization_history(study, target_name=name)}
    importances = search.importances()
    if importances:
        bars = go.Bar(x=[*importances.values()][::-1], y=[*importances][::-1], orientation="h")
        figures["What matters"] = go.Figure(bars)
    figures["Every field"] = visualization.plot_slice(study, target_name=name)
    if any(trial.intermediate_values for trial in study.trials):
        figures["Trials on their way"] = visualization.plot_intermediate_values(study)
    drawn: list[tuple[str, str]] = []
    for title, figure in figures.items():
        figure.update_layout(title=None, template="plotly_white", margin={"t": 20})
        figure.update_layout(font={"family": "system-ui, sans-serif"})
        drawn.append((title, figure.to_html(full_html=False, include_plotlyjs=not drawn)))
    html = _TEMPLATES.get_template("search.html.j2").render(
        metric=name,
        best=study.best_trial,
        trials=study.trials,
        figures=drawn,
    )
    write_in_one_step(Path(path), html)


_TEMPLATES = templates(__package__)
